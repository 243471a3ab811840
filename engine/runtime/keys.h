// Access keys that the server accepts: the data directory's root key, and temporary ones.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "core/result.h"
#include "core/time.h"

namespace kiban::runtime {

struct RootKey {
  std::string access_key_id{};
  std::string secret_access_key{};
  bool operator==(const RootKey&) const = default;
};

// Shaped as AWS shapes them: AKIA and 16 of base 32, 40 of base 64. From the system's own source
// of randomness.
RootKey make_root_key();
// A file for its owner's eyes only, on disk when it returns. Error `DataFailed`.
Result<void> write_private(const std::string& path, std::string_view text);
// Reads DIRECTORY/credentials.json, or makes it, for its owner's eyes only. Error `DataFailed`.
Result<RootKey> load_or_make_root_key(const std::string& directory);
// Error `DataFailed` when there is none.
Result<RootKey> load_root_key(const std::string& directory);

}  // namespace kiban::runtime
