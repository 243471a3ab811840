#include "runtime/uploads.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <filesystem>
#include <system_error>

#include "runtime/child.h"

namespace kiban::runtime {

namespace {

constexpr auto upload_lifetime = std::chrono::hours{24};
constexpr std::size_t piece_bytes = 256UL * 1024;

std::unexpected<Error> failed(std::string_view what, const std::string& path) {
  return fail("StoreFailed",
              fmt::format("can't {} {}: {}", what, path, std::generic_category().message(errno)));
}

bool write_all(int file, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(file, bytes.data(), bytes.size());
    if (written < 0 && errno != EINTR) return false;
    if (written > 0) bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

// Hands every piece of a file to `take`, which returns false to end early.
template <typename Take>
Result<void> read_pieces(const std::string& path, Take take) {
  const Descriptor in{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  if (in.number() < 0) return failed("read", path);
  std::string piece(piece_bytes, '\0');
  for (;;) {
    const ssize_t count = ::read(in.number(), piece.data(), piece.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return failed("read", path);
    if (count == 0) return {};
    if (!take(std::string_view(piece.data(), static_cast<std::size_t>(count)))) return {};
  }
}

Result<std::string> sha256_of_file(const std::string& path) {
  Sha256 digest;
  KIBAN_TRY_VOID(read_pieces(path, [&](std::string_view piece) {
    digest.add(piece);
    return true;
  }));
  return digest.hex();
}

}  // namespace

Digest::Digest(const EVP_MD* kind) : context_(::EVP_MD_CTX_new(), ::EVP_MD_CTX_free) {
  KIBAN_CHECK(::EVP_DigestInit_ex(context_.get(), kind, nullptr) == 1, "digest");
}

void Digest::add(std::string_view bytes) {
  ::EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size());
}

std::string Digest::hex() {
  unsigned char bytes[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  ::EVP_DigestFinal_ex(context_.get(), bytes, &size);
  std::string text;
  for (unsigned int i = 0; i < size; ++i) text += fmt::format("{:02x}", bytes[i]);
  return text;
}

Spool::Spool(std::string path)
    : path_(std::move(path)),
      file_(::open(path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600)) {
  if (file_ < 0) failure_ = std::generic_category().message(errno);
}

Spool::~Spool() {
  if (file_ >= 0) ::close(file_);
  ::unlink(path_.c_str());
}

void Spool::write(std::string_view piece) {
  size_ += piece.size();
  if (!failure_.empty()) return;
  digest_.add(piece);
  if (!write_all(file_, piece)) failure_ = std::generic_category().message(errno);
}

Result<void> Spool::close() {
  if (file_ >= 0 && ::close(std::exchange(file_, -1)) != 0 && failure_.empty())
    failure_ = std::generic_category().message(errno);
  if (!failure_.empty())
    return fail("StoreFailed", fmt::format("can't write {}: {}", path_, failure_));
  return {};
}

Result<std::unique_ptr<Uploads>> Uploads::open(std::string directory, store::Blobs& blobs) {
  namespace fs = std::filesystem;
  std::error_code error;
  fs::create_directories(directory, error);
  if (error)
    return fail("StoreFailed", fmt::format("can't create {}: {}", directory, error.message()));
  const auto oldest = fs::file_time_type::clock::now() - upload_lifetime;
  // Removes files of a killed engine, so that Spool's names are free.
  for (const fs::directory_entry& entry : fs::directory_iterator(directory, error)) {
    const bool upload = entry.path().filename().string().starts_with("upload-");
    std::error_code ignored;
    if (!upload || entry.last_write_time(ignored) < oldest) fs::remove(entry.path(), ignored);
  }
  return std::unique_ptr<Uploads>(new Uploads(std::move(directory), blobs));
}

std::shared_ptr<Spool> Uploads::spool() {
  return std::make_shared<Spool>(fmt::format("{}/body-{}", directory_, ++spools_));
}

Result<void> Uploads::begin(const std::string& id) {
  const Descriptor made{::open(path_of(id).c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600)};
  if (made.number() < 0) return failed("create", path_of(id));
  return {};
}

Result<std::uint64_t> Uploads::size(const std::string& id) const {
  const bool well_formed =
      !id.empty() && id.find_first_not_of("0123456789abcdef-") == std::string::npos;
  std::error_code error;
  const std::uint64_t bytes = well_formed ? std::filesystem::file_size(path_of(id), error) : 0;
  if (!well_formed || error)
    return fail("BLOB_UPLOAD_UNKNOWN", fmt::format("The upload '{}' could not be found.", id));
  return bytes;
}

Result<std::uint64_t> Uploads::append(const std::string& id, Spool& body,
                                      std::optional<std::uint64_t> at) {
  KIBAN_TRY(const std::uint64_t before, size(id));
  if (at && *at != before)
    return fail("RANGE_INVALID", fmt::format("The upload '{}' has {} bytes, the body begins at {}.",
                                             id, before, *at));
  KIBAN_TRY_VOID(body.close());
  if (body.size() == 0) return before;
  const std::string path = path_of(id);
  if (before == 0) {
    if (::rename(body.path_.c_str(), path.c_str()) != 0) return failed("create", path);
    digests_.insert_or_assign(id, body.digest_.hex());
    return body.size();
  }
  digests_.erase(id);
  const Descriptor out{::open(path.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC)};
  if (out.number() < 0) return failed("write", path);
  bool written = true;
  KIBAN_TRY_VOID(read_pieces(body.path_, [&](std::string_view piece) {
    return written = write_all(out.number(), piece);
  }));
  if (written) return before + body.size();
  const auto error = failed("write", path);
  // Half a piece must not stay: the client would send it again.
  if (::ftruncate(out.number(), static_cast<off_t>(before)) != 0) drop(id);
  return error;
}

Result<std::uint64_t> Uploads::finish(const std::string& id, const std::string& hex) {
  KIBAN_TRY(const std::uint64_t bytes, size(id));
  const auto known = digests_.find(id);
  std::string digest;
  if (known != digests_.end()) {
    digest = known->second;
  } else {
    KIBAN_TRY(digest, sha256_of_file(path_of(id)));
  }
  if (digest != hex) {
    drop(id);
    return fail("DIGEST_INVALID", fmt::format("The bytes of the upload have the digest sha256:{}, "
                                              "not sha256:{}.",
                                              digest, hex));
  }
  KIBAN_TRY_VOID(blobs_.adopt(hex, path_of(id)));
  digests_.erase(id);
  return bytes;
}

void Uploads::drop(const std::string& id) {
  digests_.erase(id);
  ::unlink(path_of(id).c_str());
}

}  // namespace kiban::runtime
