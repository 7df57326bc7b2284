# Options, compilers and flags of every room. `wirespan_flags` carries the warnings of our own code; generated code does not link it.
option(WIRESPAN_TESTS "Build the tests" ON)
option(WIRESPAN_FUZZERS "Build the libFuzzer targets (clang)" OFF)
option(WIRESPAN_BPF "Build the BPF objects and what loads them" ON)
set(WIRESPAN_SANITIZE "" CACHE STRING "Sanitizers: empty, address, thread or fuzzer")

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

find_package(Threads REQUIRED)

add_library(wirespan_flags INTERFACE)
target_include_directories(wirespan_flags INTERFACE ${CMAKE_SOURCE_DIR} ${CMAKE_BINARY_DIR}/generated)
target_compile_options(wirespan_flags INTERFACE
  -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Werror -fno-omit-frame-pointer
  $<$<CONFIG:Release,RelWithDebInfo>:-D_FORTIFY_SOURCE=2;-fstack-protector-strong>
  # Modules are -fPIC, by themselves.
  $<$<AND:$<CONFIG:Release,RelWithDebInfo>,$<NOT:$<STREQUAL:$<TARGET_PROPERTY:TYPE>,MODULE_LIBRARY>>>:-fPIE>)
if(NOT CMAKE_BUILD_TYPE STREQUAL "Release")
  target_compile_definitions(wirespan_flags INTERFACE _GLIBCXX_ASSERTIONS)
endif()

# Sanitizers apply to everything that is linked together, so they are global.
if(WIRESPAN_SANITIZE STREQUAL "address")
  add_compile_options(-fsanitize=address,undefined -fno-sanitize-recover=all)
  add_link_options(-fsanitize=address,undefined)
elseif(WIRESPAN_SANITIZE STREQUAL "thread")
  add_compile_options(-fsanitize=thread)
  add_link_options(-fsanitize=thread)
elseif(WIRESPAN_SANITIZE STREQUAL "fuzzer")
  add_compile_options(-fsanitize=address,undefined,fuzzer-no-link -fno-sanitize-recover=all)
  add_link_options(-fsanitize=address,undefined)
elseif(NOT WIRESPAN_SANITIZE STREQUAL "")
  message(FATAL_ERROR "WIRESPAN_SANITIZE='${WIRESPAN_SANITIZE}' is not one of: address, thread, fuzzer")
endif()
