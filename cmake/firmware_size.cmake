# Strips PROGRAM, keeping its symbols in PROGRAM.debug, and fails if it does not fit an OTA slot of the default
# partition table (0x190000) with the image's header, checksum and hash around it. Sanitizers (SANITIZED) may make it
# larger: nobody flashes those.
set(slot_bytes 1638400)
set(image_bytes 384)
execute_process(COMMAND ${OBJCOPY} --only-keep-debug ${PROGRAM} ${PROGRAM}.debug COMMAND_ERROR_IS_FATAL ANY)
execute_process(COMMAND ${STRIP} --strip-all ${PROGRAM} COMMAND_ERROR_IS_FATAL ANY)
execute_process(COMMAND ${OBJCOPY} --add-gnu-debuglink=${PROGRAM}.debug ${PROGRAM} COMMAND_ERROR_IS_FATAL ANY)
file(SIZE ${PROGRAM} size)
math(EXPR room "${slot_bytes} - ${image_bytes}")
if(size GREATER room AND "${SANITIZED}" STREQUAL "")
	file(REMOVE ${PROGRAM})
	message(FATAL_ERROR "the host firmware has ${size} bytes, an OTA slot has room for ${room}")
endif()
message(STATUS "host firmware: ${size} bytes of ${room} in a slot")
