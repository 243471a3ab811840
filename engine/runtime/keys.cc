#include "runtime/keys.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <system_error>

#include "core/json.h"
#include "runtime/entropy.h"

namespace kiban::runtime {

namespace {

std::string path_of(const std::string& directory) { return directory + "/credentials.json"; }

// Without it a power loss can undo the rename.
Result<void> sync_folder_of(const std::string& path) {
  const std::string folder = std::filesystem::absolute(path).parent_path().string();
  const int descriptor = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const bool synced = descriptor >= 0 && ::fsync(descriptor) == 0;
  const int error = errno;
  if (descriptor >= 0) ::close(descriptor);
  if (synced) return {};
  return fail("DataFailed",
              fmt::format("can't sync {}: {}", folder, std::generic_category().message(error)));
}

}  // namespace

Result<void> write_private(const std::string& path, std::string_view text) {
  const std::string temporary = fmt::format("{}.{}", path, ::getpid());
  ::unlink(temporary.c_str());
  const int file =
      ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
  bool written = file >= 0 &&
                 ::write(file, text.data(), text.size()) == static_cast<ssize_t>(text.size()) &&
                 ::fsync(file) == 0;
  const int error = errno;
  if (file >= 0) ::close(file);
  if (written && ::rename(temporary.c_str(), path.c_str()) == 0) return sync_folder_of(path);
  ::unlink(temporary.c_str());
  return fail("DataFailed",
              fmt::format("can't write {}: {}", path, std::generic_category().message(error)));
}

RootKey make_root_key() {
  SecretRandom random{fresh_seed()};
  return {.access_key_id = "AKIA" + random.pick("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", 16),
          .secret_access_key =
              random.pick("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", 40)};
}

Result<RootKey> load_root_key(const std::string& directory) {
  std::ifstream file{path_of(directory)};
  if (!file) return fail("DataFailed", "there is no " + path_of(directory));
  std::ostringstream text;
  text << file.rdbuf();
  const Result<json::value> value = parse_json(text.str());
  const json::object* object = value && value->is_object() ? &value->get_object() : nullptr;
  const json::string* id = object ? find_string(*object, "AccessKeyId") : nullptr;
  const json::string* secret = object ? find_string(*object, "SecretAccessKey") : nullptr;
  if (id == nullptr || secret == nullptr)
    return fail("DataFailed", path_of(directory) + " holds no key");
  return RootKey{.access_key_id = to_string(*id), .secret_access_key = to_string(*secret)};
}

Result<RootKey> load_or_make_root_key(const std::string& directory) {
  std::error_code ignored;
  if (std::filesystem::exists(path_of(directory), ignored)) return load_root_key(directory);
  RootKey key = make_root_key();
  KIBAN_TRY_VOID(write_private(
      path_of(directory), print_json(json::object{{"AccessKeyId", key.access_key_id},
                                                  {"SecretAccessKey", key.secret_access_key}}) +
                              "\n"));
  return key;
}

}  // namespace kiban::runtime
