#include "store/blobs.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <mutex>
#include <span>
#include <sstream>
#include <system_error>
#include <thread>

namespace kiban::store {

namespace {

std::string hex(std::span<const unsigned char> bytes) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string text;
  for (const unsigned char byte : bytes) {
    text += digits[byte >> 4U];
    text += digits[byte & 15U];
  }
  return text;
}

}  // namespace

std::string sha256_hex(std::string_view bytes) {
  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest{};
  SHA256(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(), digest.data());
  return hex(digest);
}

std::string md5_hex(std::string_view bytes) {
  std::array<unsigned char, 16> digest{};
  EVP_Digest(bytes.data(), bytes.size(), digest.data(), nullptr, EVP_md5(), nullptr);
  return hex(digest);
}

Result<void> Blobs::put_all(const std::vector<std::string_view>& all) {
  for (const std::string_view bytes : all) KIBAN_TRY_VOID(put(bytes));
  return {};
}

namespace {

constexpr std::size_t writers_max = 8;

bool is_digest(std::string_view text) {
  return text.size() == 64 && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

Result<std::string> read_file(const std::string& path) {
  std::ifstream file{path, std::ios::binary};
  if (!file) return fail("NoSuchBlob", path);
  std::ostringstream bytes;
  bytes << file.rdbuf();
  return std::move(bytes).str();
}

class MemoryBlobs final : public Blobs {
 public:
  Result<std::string> put(std::string_view bytes) override {
    std::string digest = sha256_hex(bytes);
    const std::scoped_lock lock{mutex_};
    blobs_.try_emplace(digest, bytes);
    return digest;
  }
  Result<std::string> read(std::string_view digest) const override {
    const std::scoped_lock lock{mutex_};
    const auto found = blobs_.find(digest);
    if (found == blobs_.end()) return fail("NoSuchBlob", std::string(digest));
    return found->second;
  }
  Result<void> adopt(std::string_view digest, const std::string& path) override {
    KIBAN_TRY(std::string bytes, read_file(path));
    ::unlink(path.c_str());
    const std::scoped_lock lock{mutex_};
    blobs_.try_emplace(std::string(digest), std::move(bytes));
    return {};
  }
  std::optional<std::string> file(std::string_view) const override { return std::nullopt; }

 private:
  mutable std::mutex mutex_{};
  std::map<std::string, std::string, std::less<>> blobs_{};
};

std::string last_error() { return std::generic_category().message(errno); }

Result<void> write_synced(const std::string& path, std::string_view bytes) {
  const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (file < 0) return fail("StoreFailed", "can't create " + path + ": " + last_error());
  std::string failure;
  while (!bytes.empty()) {
    const ssize_t written = ::write(file, bytes.data(), bytes.size());
    if (written < 0) {
      if (errno == EINTR) continue;
      failure = last_error();
      break;
    }
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  if (failure.empty() && ::fsync(file) != 0) failure = last_error();
  ::close(file);
  if (failure.empty()) return {};
  ::unlink(path.c_str());
  return fail("StoreFailed", "can't write " + path + ": " + failure);
}

Result<void> sync_file(const std::string& path) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  const bool synced = file >= 0 && ::fsync(file) == 0;
  const std::string why = last_error();
  if (file >= 0) ::close(file);
  if (!synced) return fail("StoreFailed", "can't sync " + path + ": " + why);
  return {};
}

void sync_directory(const std::string& path) {
  const int directory = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (directory < 0) return;
  ::fsync(directory);
  ::close(directory);
}

class DirectoryBlobs final : public Blobs {
 public:
  explicit DirectoryBlobs(std::string directory) : directory_(std::move(directory)) {}

  Result<std::string> put(std::string_view bytes) override {
    std::string digest = sha256_hex(bytes);
    const std::string path = path_of(digest);
    std::error_code failed;
    if (std::filesystem::exists(path, failed)) {
      touch(path);
      return digest;
    }
    const std::string temporary = directory_ + "/." + digest + "." + std::to_string(::getpid()) +
                                  "." + std::to_string(counter_++);
    KIBAN_TRY_VOID(write_synced(temporary, bytes));
    KIBAN_TRY_VOID(place(temporary, path));
    return digest;
  }

  // A sync mostly waits: several at a time take little longer than one.
  Result<void> put_all(const std::vector<std::string_view>& all) override {
    if (all.size() < 2) return Blobs::put_all(all);
    std::atomic<std::size_t> next{0};
    std::vector<Result<void>> ended(std::min(all.size(), writers_max));
    const auto write = [&](Result<void>& end) {
      for (std::size_t i = next++; i < all.size() && end; i = next++)
        if (auto written = put(all[i]); !written) end = std::unexpected(written.error());
    };
    {
      std::vector<std::jthread> writers;
      for (std::size_t i = 1; i < ended.size(); ++i)
        writers.emplace_back([&write, &end = ended[i]] { write(end); });
      write(ended[0]);
    }
    for (Result<void>& end : ended)
      if (!end) return end;
    return {};
  }

  Result<std::string> read(std::string_view digest) const override {
    if (!is_digest(digest)) return fail("NoSuchBlob", std::string(digest));
    Result<std::string> bytes = read_file(path_of(digest));
    if (!bytes) return fail("NoSuchBlob", std::string(digest));
    if (sha256_hex(*bytes) != digest)
      return fail("BlobDamaged", fmt::format("the bytes of {} were altered on disk", digest));
    return bytes;
  }

  Result<void> adopt(std::string_view digest, const std::string& path) override {
    KIBAN_CHECK(is_digest(digest), "a blob is named by its SHA-256");
    std::error_code failed;
    if (std::filesystem::exists(path_of(digest), failed)) {
      ::unlink(path.c_str());
      touch(path_of(digest));
      return {};
    }
    KIBAN_TRY_VOID(sync_file(path));
    return place(path, path_of(digest));
  }

  std::optional<std::string> file(std::string_view digest) const override {
    std::error_code failed;
    if (!is_digest(digest) || !std::filesystem::exists(path_of(digest), failed))
      return std::nullopt;
    return path_of(digest);
  }

 private:
  // A sweep compares the time at which the bytes were last put (sweep.h).
  static void touch(const std::string& path) {
    std::error_code ignored;
    std::filesystem::last_write_time(path, std::filesystem::file_time_type::clock::now(), ignored);
  }
  // The file `synced`, whose bytes are on disk, becomes `path`.
  Result<void> place(const std::string& synced, const std::string& path) const {
    const std::string folder = std::filesystem::path(path).parent_path().string();
    std::error_code failed;
    const bool made = std::filesystem::create_directories(folder, failed);
    if (failed) return fail("StoreFailed", "can't create " + folder + ": " + failed.message());
    if (made) sync_directory(directory_);
    std::filesystem::rename(synced, path, failed);
    if (failed) return fail("StoreFailed", "can't create " + path + ": " + failed.message());
    sync_directory(folder);
    return {};
  }
  std::string path_of(std::string_view digest) const {
    return directory_ + "/" + std::string(digest.substr(0, 2)) + "/" + std::string(digest);
  }
  std::string directory_;
  std::atomic<std::uint64_t> counter_{0};
};

}  // namespace

std::unique_ptr<Blobs> make_memory_blobs() { return std::make_unique<MemoryBlobs>(); }

Result<std::unique_ptr<Blobs>> open_directory_blobs(const std::string& directory) {
  std::error_code failed;
  std::filesystem::create_directories(directory, failed);
  if (failed) return fail("StoreFailed", "can't create " + directory + ": " + failed.message());
  return std::make_unique<DirectoryBlobs>(directory);
}

}  // namespace kiban::store
