# What `make install` puts beside the programs: completions and the manual page, printed by espalier itself, the samples
# and the licence.
set(texts ${PROJECT_BINARY_DIR}/texts)
add_custom_command(OUTPUT ${texts}/espalier.bash ${texts}/_espalier ${texts}/espalier.1
	COMMAND ${CMAKE_COMMAND} -E make_directory ${texts}
	COMMAND espalier completion bash > ${texts}/espalier.bash
	COMMAND espalier completion zsh > ${texts}/_espalier
	COMMAND espalier man > ${texts}/espalier.1
	DEPENDS espalier VERBATIM)
add_custom_target(texts ALL DEPENDS ${texts}/espalier.bash ${texts}/_espalier ${texts}/espalier.1)

install(FILES ${texts}/espalier.bash DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions RENAME espalier)
install(FILES ${texts}/_espalier DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/site-functions)
install(FILES ${texts}/espalier.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
install(DIRECTORY samples DESTINATION ${CMAKE_INSTALL_DATADIR}/espalier)
install(FILES LICENSE README.md DESTINATION ${CMAKE_INSTALL_DOCDIR})
