# Library headers that most files include, compiled once: one set for the code, one with GoogleTest for
# the tests. Files keep their own includes: tools/clang_tidy.py compiles without these headers and so
# finds a missing one.
#
# kiban_precompiled_headers()        defines the two sets; called once
# kiban_precompile(TARGET [TESTS])   makes TARGET use one
set(KIBAN_PRECOMPILED
    <algorithm> <array> <charconv> <chrono> <cmath> <cstdint> <deque> <expected> <filesystem> <fstream>
    <functional> <map> <memory> <mutex> <optional> <set> <span> <sstream> <string> <string_view>
    <utility> <variant> <vector> <boost/json.hpp> <fmt/format.h>)

# What ccache hashes instead of the bytes of a precompiled header (pch_external_checksum).
function(kiban_sum_precompiled target)
  file(WRITE ${CMAKE_BINARY_DIR}/CMakeFiles/${target}.dir/cmake_pch.hxx.pch.sum
       "${KIBAN_PRECOMPILED} ${ARGN} ${CMAKE_CXX_COMPILER_VERSION} ${Boost_VERSION} ${fmt_VERSION}\n")
endfunction()

function(kiban_precompiled_headers)
  file(WRITE ${CMAKE_BINARY_DIR}/precompiled.cc "// The source of the targets that own precompiled headers.\n")
  add_library(kiban_precompiled OBJECT ${CMAKE_BINARY_DIR}/precompiled.cc)
  target_link_libraries(kiban_precompiled PRIVATE kiban_json kiban_fmt)
  target_precompile_headers(kiban_precompiled PRIVATE ${KIBAN_PRECOMPILED})
  kiban_sum_precompiled(kiban_precompiled)
  if(KIBAN_TESTS)
    add_library(kiban_precompiled_tests OBJECT ${CMAKE_BINARY_DIR}/precompiled.cc)
    target_link_libraries(kiban_precompiled_tests PRIVATE kiban_json kiban_fmt GTest::gmock)
    target_precompile_headers(kiban_precompiled_tests PRIVATE ${KIBAN_PRECOMPILED} <gmock/gmock.h> <gtest/gtest.h>)
    kiban_sum_precompiled(kiban_precompiled_tests gtest ${GTest_VERSION})
  endif()
endfunction()

function(kiban_precompile target)
  if("${ARGN}" STREQUAL "TESTS")
    target_precompile_headers(${target} REUSE_FROM kiban_precompiled_tests)
  else()
    target_precompile_headers(${target} REUSE_FROM kiban_precompiled)
  endif()
endfunction()
