// The console's files, as the bundler made them (console/build.mjs): compressed once, when the
// program is built, and kept in its read-only data.
#pragma once

#include <span>
#include <string_view>

namespace kiban::console {

struct Asset {
  std::string_view path{};  // Below the prefix: "index.html", "assets/app-5D2K.js".
  std::string_view type{};
  std::string_view etag{};  // Quoted, without the suffix of a coding.
  std::string_view gzip{};
  std::string_view brotli{};
  bool hashed{false};  // The name changes with the content.
};

// Empty when the program was built without the console (KIBAN_CONSOLE=OFF).
std::span<const Asset> assets();

}  // namespace kiban::console
