# libespformats: the room esp by itself, for programs that are not ours (docs/formats/library.md). Shared and static, of
# the objects of room_esp. What it offers is what the headers below declare, each symbol with the version at which it
# came (src/esp/libespformats.map); all else is hidden, in the static library too.
set(espformats_version 1.0.0)
set(espformats_headers chips crc declare error flash_encryption image image_check merge nvs nvs_csv nvs_inspect nvs_keys nvs_mfg otadata partition_table signature)
list(TRANSFORM espformats_headers REPLACE "(.+)" "${PROJECT_SOURCE_DIR}/src/esp/\\1.h")
set(espformats_map ${PROJECT_SOURCE_DIR}/src/esp/libespformats.map)

add_library(espformats SHARED $<TARGET_OBJECTS:room_esp>)
set_target_properties(espformats PROPERTIES VERSION ${espformats_version} SOVERSION 1 LINKER_LANGUAGE C
	LINK_DEPENDS ${espformats_map} PUBLIC_HEADER "${espformats_headers}" LIBRARY_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR})
target_link_options(espformats PRIVATE -Wl,--version-script=${espformats_map})
if(NOT ESPALIER_SANITIZE)
	target_link_options(espformats PRIVATE -Wl,-z,defs)
endif()
target_link_libraries(espformats PRIVATE PkgConfig::GLIB_CORE ${CMAKE_DL_LIBS})

# One object in which all that the map does not name is local: an archive has no other way to hide.
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${espformats_map})
file(STRINGS ${espformats_map} espformats_symbols REGEX "^\tesp_")
list(TRANSFORM espformats_symbols REPLACE "^\t(esp_[a-z0-9_]+);$" "--keep-global-symbol=\\1")
add_custom_command(OUTPUT ${PROJECT_BINARY_DIR}/espformats.o
	COMMAND ${CMAKE_LINKER} -r -o ${PROJECT_BINARY_DIR}/espformats.o $<TARGET_OBJECTS:room_esp>
	COMMAND ${CMAKE_OBJCOPY} ${espformats_symbols} ${PROJECT_BINARY_DIR}/espformats.o
	DEPENDS room_esp $<TARGET_OBJECTS:room_esp> ${espformats_map} COMMAND_EXPAND_LISTS VERBATIM)
add_library(espformats_static STATIC ${PROJECT_BINARY_DIR}/espformats.o)
set_target_properties(espformats_static PROPERTIES OUTPUT_NAME espformats LINKER_LANGUAGE C
	ARCHIVE_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR})

# The pkg-config file finds its prefix from where it lies, so that an installed tree may be moved.
set(espformats_includedir ${CMAKE_INSTALL_INCLUDEDIR}/espformats)
file(RELATIVE_PATH espformats_prefix /prefix/${CMAKE_INSTALL_LIBDIR}/pkgconfig /prefix)
configure_file(${PROJECT_SOURCE_DIR}/cmake/libespformats.pc.in ${PROJECT_BINARY_DIR}/libespformats.pc @ONLY)

install(TARGETS espformats espformats_static COMPONENT library
	LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} NAMELINK_COMPONENT library
	ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR}
	PUBLIC_HEADER DESTINATION ${espformats_includedir}/esp COMPONENT library)
install(FILES ${PROJECT_BINARY_DIR}/libespformats.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig COMPONENT library)

# The examples are built by their own Makefile, against the installed library; here for who reads compile_commands.json.
file(GLOB examples CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/examples/*.c)
foreach(source IN LISTS examples)
	get_filename_component(name ${source} NAME_WE)
	add_executable(example_${name} EXCLUDE_FROM_ALL ${source})
	target_include_directories(example_${name} PRIVATE ${PROJECT_SOURCE_DIR}/src)
	target_link_libraries(example_${name} PRIVATE espformats PkgConfig::GLIB_CORE)
endforeach()
