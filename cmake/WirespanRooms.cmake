# ws_room(NAME SOURCES... LINK libs...): one static library per room, named ws_NAME, with the project's flags. LINK is PRIVATE
# for packages, so that no room sees another's by accident; PUBLIC_LINK is for rooms whose headers this room's headers include.
function(ws_room name)
  cmake_parse_arguments(ROOM "" "" "SOURCES;LINK;PUBLIC_LINK" ${ARGN})
  add_library(ws_${name} STATIC ${ROOM_SOURCES})
  target_link_libraries(ws_${name} PUBLIC ${ROOM_PUBLIC_LINK} PRIVATE wirespan_flags ${ROOM_LINK})
  target_include_directories(ws_${name} PUBLIC ${CMAKE_SOURCE_DIR})
endfunction()

# ws_test(NAME SOURCES... LINK libs...): one GoogleTest binary, found by ctest case by case.
function(ws_test name)
  cmake_parse_arguments(TEST "" "" "SOURCES;LINK;LABELS" ${ARGN})
  add_executable(${name} ${TEST_SOURCES})
  target_link_libraries(${name} PRIVATE wirespan_flags GTest::gtest GTest::gmock GTest::gtest_main ${TEST_LINK})
  target_compile_definitions(${name} PRIVATE WIRESPAN_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
  if(NOT TEST_LABELS)
    set(TEST_LABELS unit)
  endif()
  gtest_discover_tests(${name} DISCOVERY_TIMEOUT 60 PROPERTIES LABELS "${TEST_LABELS}" TIMEOUT 120)
endfunction()
