#include "lambda/code.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <filesystem>

#include "lambda/archive.h"

namespace kiban::lambda {

namespace fs = std::filesystem;

Folder::~Folder() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

CodeCache::CodeCache(std::string directory, const store::Blobs& blobs)
    : directory_(std::move(directory)), blobs_(blobs) {
  std::error_code ignored;
  fs::remove_all(directory_, ignored);
}

Result<std::shared_ptr<const Folder>> CodeCache::get(const std::vector<std::string>& digests) {
  std::shared_ptr<Slot> slot;
  {
    const std::lock_guard lock{mutex_};
    std::erase_if(slots_, [](const auto& entry) {
      return entry.second.use_count() == 1 && entry.second->folder.expired();
    });
    std::shared_ptr<Slot>& found = slots_[fmt::format("{}", fmt::join(digests, "+"))];
    if (!found) found = std::make_shared<Slot>();
    slot = found;
  }
  const std::lock_guard lock{slot->unpacking};
  if (auto folder = slot->folder.lock()) return folder;
  KIBAN_TRY(std::shared_ptr<const Folder> folder, unpack(digests));
  slot->folder = folder;
  return folder;
}

Result<std::shared_ptr<const Folder>> CodeCache::unpack(const std::vector<std::string>& digests) {
  std::string path;
  {
    const std::lock_guard lock{mutex_};
    path = fmt::format("{}/{}", directory_, ++made_);
  }
  std::error_code failed;
  fs::create_directories(path, failed);
  if (!failed) fs::permissions(path, fs::perms{0755}, failed);
  if (failed)
    return fail("ServiceException", fmt::format("can't create {}: {}", path, failed.message()));
  auto folder = std::make_shared<const Folder>(path);
  std::uint64_t left = unpacked_bytes_max;
  for (const std::string& digest : digests) {
    const auto zip = blobs_.read(digest);
    if (!zip) return fail("ServiceException", "the code can't be read: " + zip.error().cause);
    KIBAN_TRY(const std::uint64_t bytes, unpack_zip(*zip, path, left));
    left -= bytes;
  }
  return folder;
}

}  // namespace kiban::lambda
