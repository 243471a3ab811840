// Any bytes as a zip: nothing is written outside of the folder, and no more than the bound.
#include <cstdlib>
#include <filesystem>
#include <string_view>

#include "lambda/archive.h"

namespace fs = std::filesystem;

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  constexpr std::uint64_t bytes_max = 1 << 20;
  static const std::string parent = [] {
    std::string made = "/tmp/kiban-archive-fuzz.XXXXXX";
    return std::string(::mkdtemp(made.data()));
  }();
  const std::string target = parent + "/target";
  fs::create_directory(target);
  const auto unpacked =
      kiban::lambda::unpack_zip({reinterpret_cast<const char*>(data), size}, target, bytes_max);
  if (unpacked && *unpacked > bytes_max) std::abort();
  std::uint64_t outside = 0;
  for (const auto& entry : fs::directory_iterator{parent}) {
    (void)entry;
    ++outside;
  }
  if (outside != 1) std::abort();
  std::error_code ignored;
  fs::remove_all(target, ignored);
  return 0;
}
