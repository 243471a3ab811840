#include "store/sweep.h"

#include <algorithm>
#include <filesystem>
#include <map>

namespace kiban::store {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t digest_size = 64;
constexpr std::size_t rows_at_once = 1'000;

using Files = std::map<std::string, fs::path, std::less<>>;

Result<Files> old_files(const std::string& directory, std::chrono::hours age) {
  Files found;
  std::error_code failed;
  const auto until = fs::file_time_type::clock::now() - age;
  for (const auto& entry : fs::recursive_directory_iterator{directory, failed}) {
    std::string name = entry.path().filename().string();
    if (name.size() == digest_size && entry.is_regular_file() && entry.last_write_time() <= until)
      found.emplace(std::move(name), entry.path());
  }
  if (failed) return fail("StoreFailed", "can't read " + directory + ": " + failed.message());
  return found;
}

bool is_hex(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); }

// A digest may occur anywhere in a row: "sha256:…" in a manifest, {"Digest": "…"} in an object.
void keep_what_is_named(std::string_view text, Files& files) {
  std::size_t begin = 0;
  while (begin < text.size()) {
    std::size_t end = begin;
    while (end < text.size() && is_hex(text[end])) ++end;
    if (end - begin == digest_size) {
      if (const auto named = files.find(text.substr(begin, digest_size)); named != files.end())
        files.erase(named);
    }
    begin = end + 1;
  }
}

}  // namespace

Result<Swept> sweep_blobs(const Store& rows, const std::string& directory, std::chrono::hours age,
                          const std::vector<std::string>& beside) {
  KIBAN_TRY(Files files, old_files(directory, age));
  const auto read_past = [&](std::string_view key) {
    return std::ranges::find_if(beside,
                                [&](const std::string& prefix) { return key.starts_with(prefix); });
  };
  std::string after;
  while (!files.empty()) {
    const std::vector<Row> some = rows.scan("", after, rows_at_once);
    if (some.empty()) break;
    for (const Row& row : some) {
      if (read_past(row.key) != beside.end()) continue;
      keep_what_is_named(row.key, files);
      keep_what_is_named(row.value, files);
    }
    after = some.back().key;
    if (const auto prefix = read_past(after); prefix != beside.end()) after = *prefix + '\xff';
  }
  Swept swept;
  for (const auto& [digest, path] : files) {
    std::error_code failed;
    const std::uintmax_t size = fs::file_size(path, failed);
    if (!fs::remove(path, failed) || failed)
      return fail("StoreFailed", "can't erase " + path.string() + ": " + failed.message());
    ++swept.blobs;
    swept.bytes += size;
  }
  return swept;
}

}  // namespace kiban::store
