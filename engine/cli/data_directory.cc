#include "cli/data_directory.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "cli/version.h"
#include "core/json.h"
#include "store/encrypted_store.h"
#include "store/format.h"

namespace kiban::cli {

namespace {

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

std::string path_of(const std::string& directory) { return directory + "/server.json"; }

}  // namespace

std::string default_data_directory() {
  if (const std::string data = environment("KIBAN_DATA"); !data.empty()) return data;
  if (const std::string state = environment("XDG_STATE_HOME"); !state.empty())
    return state + "/kiban";
  const std::string home = environment("HOME");
  return (home.empty() ? "/var/lib" : home + "/.local/state") + "/kiban";
}

Result<void> make_private(const std::string& directory) {
  namespace fs = std::filesystem;
  std::error_code failed;
  fs::create_directories(directory, failed);
  if (!failed) fs::permissions(directory, fs::perms::owner_all, failed);
  if (failed) return fail("StoreFailed", "can't create " + directory + ": " + failed.message());
  // Below the folder that other users can't enter. The containers' file systems keep the modes
  // that their users need, and databases belong to users of their own.
  for (const fs::directory_entry& entry : fs::directory_iterator{directory, failed}) {
    if (entry.is_symlink(failed)) continue;
    const bool is_folder = entry.is_directory(failed);
    fs::permissions(entry.path(), fs::perms::group_all | fs::perms::others_all,
                    fs::perm_options::remove | fs::perm_options::nofollow, failed);
    const std::string name = entry.path().filename().string();
    if (!is_folder || (name != "rows" && name != "blobs" && name != "uploads")) continue;
    for (const fs::directory_entry& each : fs::recursive_directory_iterator{entry.path(), failed})
      if (!each.is_symlink(failed) &&
          (each.status(failed).permissions() & (fs::perms::group_all | fs::perms::others_all)) !=
              fs::perms::none)
        fs::permissions(each.path(), fs::perms::group_all | fs::perms::others_all,
                        fs::perm_options::remove | fs::perm_options::nofollow, failed);
  }
  return {};
}

std::string readable_by_others(const std::string& directory) {
  namespace fs = std::filesystem;
  constexpr fs::perms others = fs::perms::group_all | fs::perms::others_all;
  std::error_code failed;
  if ((fs::status(directory, failed).permissions() & others) != fs::perms::none) return directory;
  return "";
}

// Executions, timers, logs and metrics are most of the rows; secrets are in the others. Pending
// effects are encrypted too: those of tasks hold environments.
Result<std::unique_ptr<store::Store>> open_rows_at(const std::string& rows_directory,
                                                   const std::string& key_file) {
  KIBAN_TRY(std::unique_ptr<store::Store> rows, store::open_rocksdb_store(rows_directory));
  KIBAN_TRY_VOID(store::check_format(*rows, version));
  KIBAN_TRY(const store::EncryptionKey key, store::load_or_make_key(key_file, *rows));
  return store::encrypt_store(std::move(rows), key, key_file,
                              {"states/", "timer/", "logs/", "cloudwatch/", "kernel/"});
}

Result<std::unique_ptr<store::Store>> open_rows(const std::string& directory,
                                                const std::string& key_file) {
  return open_rows_at(directory + "/rows", key_file.empty() ? directory + "/key" : key_file);
}

Result<void> write_server_file(const std::string& directory, const ServerFile& file) {
  std::ofstream out{path_of(directory), std::ios::trunc};
  out << print_json(json::object{{"Endpoint", file.endpoint},
                                 {"Account", file.account},
                                 {"Region", file.region},
                                 {"Auth", file.auth},
                                 {"Pid", file.pid}})
      << "\n";
  out.close();
  if (!out) return fail("DataFailed", "can't write " + path_of(directory));
  return {};
}

std::optional<ServerFile> read_server_file(const std::string& directory) {
  std::ifstream in{path_of(directory)};
  if (!in) return std::nullopt;
  std::ostringstream text;
  text << in.rdbuf();
  const Result<json::value> value = parse_json(text.str());
  if (!value || !value->is_object()) return std::nullopt;
  const auto member = [&](std::string_view key) {
    const json::string* found = find_string(value->get_object(), key);
    return found == nullptr ? std::string{} : to_string(*found);
  };
  const json::value* pid = find(value->get_object(), "Pid");
  return ServerFile{.endpoint = member("Endpoint"),
                    .account = member("Account"),
                    .region = member("Region"),
                    .auth = member("Auth"),
                    .pid = pid != nullptr && pid->is_int64() ? pid->get_int64() : 0};
}

void remove_server_file(const std::string& directory) {
  std::error_code ignored;
  std::filesystem::remove(path_of(directory), ignored);
}

}  // namespace kiban::cli
