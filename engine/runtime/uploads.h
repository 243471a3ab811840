// Uploads of layers: files that grow piece by piece until their digest is known.
//
// Bodies are spooled on the I/O thread; everything else is for one other thread, as it reads,
// copies and syncs whole layers. Uploads outlive the process: a client can continue from the last
// acknowledged byte.
#pragma once

#include <openssl/evp.h>

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "core/result.h"
#include "runtime/http_server.h"
#include "store/blobs.h"

namespace kiban::runtime {

// Of bytes that come in pieces.
class Digest {
 public:
  explicit Digest(const EVP_MD* kind);
  void add(std::string_view bytes);
  std::string hex();  // Once, when all was added.

 private:
  std::unique_ptr<EVP_MD_CTX, void (*)(EVP_MD_CTX*)> context_;
};
struct Sha256 : Digest {
  Sha256() : Digest(::EVP_sha256()) {}
};
struct Md5 : Digest {
  Md5() : Digest(::EVP_md5()) {}
};

// One request's body in a file of its own, which goes with this object.
class Spool final : public BodySink {
 public:
  explicit Spool(std::string path);
  ~Spool() override;
  Spool(const Spool&) = delete;
  Spool& operator=(const Spool&) = delete;

  void write(std::string_view piece) override;
  // Error `StoreFailed` when not every piece could be written.
  Result<void> close();
  std::uint64_t size() const { return size_; }
  const std::string& path() const { return path_; }
  std::string sha256() { return digest_.hex(); }  // Once.

 private:
  friend class Uploads;
  std::string path_;
  int file_{-1};
  std::uint64_t size_{0};
  Sha256 digest_{};
  std::string failure_{};
};

class Uploads {
 public:
  // Below `directory`, which is on the file system of the blobs. Bodies of a former process and
  // uploads without a request for a day are removed. Error `StoreFailed`.
  static Result<std::unique_ptr<Uploads>> open(std::string directory, store::Blobs& blobs);

  std::shared_ptr<Spool> spool();

  Result<void> begin(const std::string& id);
  // Error `BLOB_UPLOAD_UNKNOWN` when the upload does not exist.
  Result<std::uint64_t> size(const std::string& id) const;
  // The size then. `at`: where the client says that the body belongs; Error `RANGE_INVALID`.
  Result<std::uint64_t> append(const std::string& id, Spool& body, std::optional<std::uint64_t> at);
  // Makes it the blob `hex` and ends the upload; its size. Error `DIGEST_INVALID` when its bytes
  // have another digest: the upload is dropped then.
  Result<std::uint64_t> finish(const std::string& id, const std::string& hex);
  void drop(const std::string& id);

 private:
  Uploads(std::string directory, store::Blobs& blobs)
      : directory_(std::move(directory)), blobs_(blobs) {}
  std::string path_of(const std::string& id) const { return directory_ + "/upload-" + id; }

  std::string directory_;
  store::Blobs& blobs_;
  std::uint64_t spools_{0};
  std::map<std::string, std::string> digests_{};  // Of uploads that came as one body.
};

}  // namespace kiban::runtime
