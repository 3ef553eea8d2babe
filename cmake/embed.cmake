# embed_files(TARGET NAME FILE...): a C array in TARGET that holds the files, in the order given:
#     typedef struct { const char *name; const char *text; gsize size_bytes; } BaseEmbeddedFile;
#     extern const BaseEmbeddedFile NAME[]; extern const gsize NAME_count;      (base/embedded.h)
function(embed_files target name)
	set(out "${CMAKE_CURRENT_BINARY_DIR}/${name}.c")
	add_custom_command(OUTPUT "${out}"
		COMMAND ${CMAKE_COMMAND} -DOUT=${out} -DNAME=${name} "-DFILES=${ARGN}"
			-P "${PROJECT_SOURCE_DIR}/cmake/embed_run.cmake"
		DEPENDS ${ARGN} "${PROJECT_SOURCE_DIR}/cmake/embed_run.cmake" VERBATIM)
	target_sources(${target} PRIVATE "${out}")
endfunction()
