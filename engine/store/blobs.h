// Bulk bytes by the SHA-256 of their content, lower-case hex. Safe to use from several threads.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"

namespace kiban::store {

class Blobs {
 public:
  virtual ~Blobs() = default;
  // The digest. Durable when it returns; bytes that are there already are not written again.
  virtual Result<std::string> put(std::string_view bytes) = 0;
  // The same for several, which are synced side by side: all are durable when it returns.
  virtual Result<void> put_all(const std::vector<std::string_view>& all);
  // Errors: `NoSuchBlob`; `BlobDamaged` when the bytes on disk no longer have the digest.
  virtual Result<std::string> read(std::string_view digest) const = 0;
  // Takes over the file `path`, whose bytes have this digest by the caller's word, and lies on the
  // same file system. Durable when it returns; the file is gone then.
  virtual Result<void> adopt(std::string_view digest, const std::string& path) = 0;
  // The file with the bytes; nullopt when there are none, or they are in memory only.
  virtual std::optional<std::string> file(std::string_view digest) const = 0;
};

std::string sha256_hex(std::string_view bytes);
std::string md5_hex(std::string_view bytes);  // For S3's ETags only.

std::unique_ptr<Blobs> make_memory_blobs();
// One file per blob: DIRECTORY/ab/abcdef…. Error `StoreFailed`.
Result<std::unique_ptr<Blobs>> open_directory_blobs(const std::string& directory);

}  // namespace kiban::store
