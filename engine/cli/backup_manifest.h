// The names and the manifest that `backup` and `restore` share.
#pragma once

#include <array>
#include <string>
#include <string_view>

namespace kiban::cli {

constexpr std::string_view backup_manifest = "backup.json";

// Files of the data directory that are secret and small. A backup has them as rows, which are
// encrypted; a restore makes files of these again.
constexpr std::array<std::string_view, 2> backup_private_files{"credentials.json",
                                                               "sns-signing.pem"};
inline std::string backup_file_row(std::string_view name) {
  return "runtime/file/" + std::string(name);
}

}  // namespace kiban::cli
