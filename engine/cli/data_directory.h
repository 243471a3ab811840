// A server's data directory, and the files in it that the other commands read.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "core/result.h"
#include "runtime/keys.h"
#include "store/store.h"

namespace kiban::cli {

// A running server's address and process, in DIRECTORY/server.json.
struct ServerFile {
  std::string endpoint{};
  std::string account{};
  std::string region{};
  std::string auth{};
  std::int64_t pid{0};
};

// $KIBAN_DATA, or kiban under $XDG_STATE_HOME, or ~/.local/state/kiban.
std::string default_data_directory();
// Makes `directory` unless it is there, and takes it and what kiban keeps in it away from other
// users of the host: 0700 and 0600. Databases keep their owners. Symbolic links are not followed.
Result<void> make_private(const std::string& directory);
// What of `directory` other users may read; empty: nothing.
std::string readable_by_others(const std::string& directory);
// The rows below `directory`, decrypted with `key_file` (empty: DIRECTORY/key, made when neither
// rows nor key are there). They may be of an older format (store/format.h). Errors as
// open_rocksdb_store(), check_format(), load_or_make_key() and encrypt_store().
Result<std::unique_ptr<store::Store>> open_rows(const std::string& directory,
                                                const std::string& key_file);
// The same with the rows in `rows_directory` itself and a key file that must be named.
Result<std::unique_ptr<store::Store>> open_rows_at(const std::string& rows_directory,
                                                   const std::string& key_file);
Result<void> write_server_file(const std::string& directory, const ServerFile& file);
std::optional<ServerFile> read_server_file(const std::string& directory);
void remove_server_file(const std::string& directory);

}  // namespace kiban::cli
