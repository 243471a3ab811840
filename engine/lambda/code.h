// The unpacked code of functions and layers, each set of zips once.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "core/result.h"
#include "store/blobs.h"

namespace kiban::lambda {

// A folder that is erased with its last user.
class Folder {
 public:
  explicit Folder(std::string path) : path_(std::move(path)) {}
  ~Folder();
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

class CodeCache {
 public:
  // Erases what an earlier run left in `directory`. `blobs` outlives this.
  CodeCache(std::string directory, const store::Blobs& blobs);
  // The zips with these digests, unpacked one over the other. Blocks; from any thread. Errors:
  // `InvalidZipFileException`, `ServiceException`.
  Result<std::shared_ptr<const Folder>> get(const std::vector<std::string>& digests);

 private:
  struct Slot {
    std::mutex unpacking{};
    std::weak_ptr<const Folder> folder{};
  };
  Result<std::shared_ptr<const Folder>> unpack(const std::vector<std::string>& digests);

  std::string directory_;
  const store::Blobs& blobs_;
  std::mutex mutex_{};
  std::map<std::string, std::shared_ptr<Slot>> slots_{};  // By the digests.
  std::uint64_t made_{0};
};

}  // namespace kiban::lambda
