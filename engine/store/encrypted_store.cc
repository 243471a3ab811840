#include "store/encrypted_store.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <system_error>

#include "store/checkpoint.h"
#include "store/rocksdb_store.h"

namespace kiban::store {
namespace {

// Rows are JSON or text: none begins with these bytes unless it is encrypted.
constexpr std::string_view mark{"\0k1", 3};
constexpr std::size_t nonce_bytes = 12;
constexpr std::size_t tag_bytes = 16;
constexpr std::size_t rows_at_once = 1'000;
// The row that says that the rows are encrypted, and whether older rows still have to be.
constexpr std::string_view state_key = "encryption";
constexpr std::string_view state_begun = "begun";
constexpr std::string_view state_done = "done";

using Context = std::unique_ptr<EVP_CIPHER_CTX, decltype(&EVP_CIPHER_CTX_free)>;

const unsigned char* bytes_of(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}
unsigned char* bytes_of(std::string& text) { return reinterpret_cast<unsigned char*>(text.data()); }

bool is_encrypted(std::string_view value) { return value.starts_with(mark); }

// Each thread has contexts of its own: commits come from the kernel's, reads from several.
EVP_CIPHER_CTX* context() {
  thread_local const Context made{EVP_CIPHER_CTX_new(), EVP_CIPHER_CTX_free};
  KIBAN_CHECK(made != nullptr, "EVP_CIPHER_CTX_new");
  return made.get();
}

// Fetched once: looking an algorithm up by name costs more than encrypting a row.
const EVP_CIPHER* cipher() {
  static const EVP_CIPHER* const fetched = EVP_CIPHER_fetch(nullptr, "AES-256-GCM", nullptr);
  KIBAN_CHECK(fetched != nullptr, "AES-256-GCM");
  return fetched;
}

std::string encrypt(const EncryptionKey& key, std::string_view name, std::string_view value) {
  std::string out{mark};
  out.resize(mark.size() + nonce_bytes + value.size() + tag_bytes);
  unsigned char* const nonce = bytes_of(out) + mark.size();
  unsigned char* const text = nonce + nonce_bytes;
  KIBAN_CHECK(RAND_bytes(nonce, nonce_bytes) == 1, "RAND_bytes");
  EVP_CIPHER_CTX* const gcm = context();
  int size = 0;
  bool done = EVP_EncryptInit_ex(gcm, cipher(), nullptr, key.data(), nonce) == 1;
  done = done &&
         EVP_EncryptUpdate(gcm, nullptr, &size, bytes_of(name), static_cast<int>(name.size())) == 1;
  done = done &&
         EVP_EncryptUpdate(gcm, text, &size, bytes_of(value), static_cast<int>(value.size())) == 1;
  done = done && EVP_EncryptFinal_ex(gcm, text + value.size(), &size) == 1;
  done =
      done && EVP_CIPHER_CTX_ctrl(gcm, EVP_CTRL_GCM_GET_TAG, tag_bytes, text + value.size()) == 1;
  KIBAN_CHECK(done, "AES-256-GCM");
  return out;
}

std::optional<std::string> decrypt(const EncryptionKey& key, std::string_view name,
                                   std::string_view stored) {
  if (stored.size() < mark.size() + nonce_bytes + tag_bytes) return std::nullopt;
  stored.remove_prefix(mark.size());
  const std::string_view nonce = stored.substr(0, nonce_bytes);
  const std::string_view text = stored.substr(nonce_bytes, stored.size() - nonce_bytes - tag_bytes);
  std::string tag{stored.substr(stored.size() - tag_bytes)};
  std::string out(text.size(), '\0');
  EVP_CIPHER_CTX* const gcm = context();
  int size = 0;
  unsigned char end[tag_bytes];
  bool done = EVP_DecryptInit_ex(gcm, cipher(), nullptr, key.data(), bytes_of(nonce)) == 1;
  done = done &&
         EVP_DecryptUpdate(gcm, nullptr, &size, bytes_of(name), static_cast<int>(name.size())) == 1;
  done = done && EVP_DecryptUpdate(gcm, bytes_of(out), &size, bytes_of(text),
                                   static_cast<int>(text.size())) == 1;
  done = done && EVP_CIPHER_CTX_ctrl(gcm, EVP_CTRL_GCM_SET_TAG, tag_bytes, tag.data()) == 1;
  if (!done || EVP_DecryptFinal_ex(gcm, end, &size) != 1) return std::nullopt;
  return out;
}

class EncryptedStore final : public Store, public Checkpointed {
 public:
  EncryptedStore(std::unique_ptr<Store> rows, const EncryptionKey& key,
                 std::vector<std::string> plain)
      : rows_(std::move(rows)), key_(key), plain_(std::move(plain)) {}

  std::optional<std::string> get(std::string_view key) const override {
    std::optional<std::string> value = rows_->get(key);
    if (value) open(key, *value);
    return value;
  }

  std::vector<Row> scan(std::string_view prefix, std::string_view after,
                        std::size_t limit) const override {
    std::vector<Row> rows = rows_->scan(prefix, after, limit);
    for (Row& row : rows) open(row.key, row.value);
    return rows;
  }

  Result<void> commit(const Batch& batch) override {
    // Most batches hold executions only: they need no copy.
    if (std::ranges::all_of(batch, [this](const auto& row) { return is_plain(row.first); }))
      return rows_->commit(batch);
    Batch stored;
    for (const auto& [key, value] : batch)
      stored.emplace_hint(stored.end(), key,
                          value && !is_plain(key) ? encrypt(key_, key, *value) : value);
    return rows_->commit(stored);
  }

  Result<void> checkpoint(const std::string& directory) const override {
    return checkpoint_rows(*rows_, directory);
  }

  Result<void> begin(const std::string& key_file) {
    const std::optional<std::string> state = rows_->get(state_key);
    if (state) {
      const auto text = decrypt(key_, state_key, *state);
      if (!text) return fail("KeyWrong", fmt::format("{} is not the key of these rows", key_file));
      if (*text == state_done) return {};
    }
    KIBAN_TRY_VOID(commit({{std::string(state_key), std::string(state_begun)}}));
    KIBAN_TRY(const bool rewritten, encrypt_older_rows(key_file));
    if (rewritten) KIBAN_TRY_VOID(erase_overwritten(*rows_));
    return commit({{std::string(state_key), std::string(state_done)}});
  }

 private:
  bool is_plain(std::string_view key) const {
    return std::ranges::any_of(
        plain_, [key](const std::string& prefix) { return key.starts_with(prefix); });
  }

  void open(std::string_view key, std::string& value) const {
    if (!is_encrypted(value) || is_plain(key)) return;
    std::optional<std::string> text = decrypt(key_, key, value);
    // get() and scan() can't return an error, and no decision may rest on a wrong answer.
    if (!text) end_unreadable(fmt::format("the row {} can't be decrypted: it was altered", key));
    value = *std::move(text);
  }

  // Whether there were any.
  Result<bool> encrypt_older_rows(const std::string& key_file) {
    bool any = false;
    std::string after;
    for (;;) {
      const std::vector<Row> rows = rows_->scan("", after, rows_at_once);
      if (rows.empty()) return any;
      after = rows.back().key;
      Batch batch;
      for (const Row& row : rows) {
        if (is_plain(row.key)) continue;
        if (!is_encrypted(row.value))
          batch.emplace(row.key, row.value);
        else if (!decrypt(key_, row.key, row.value))
          return fail("KeyWrong", fmt::format("{} is not the key of these rows", key_file));
      }
      any = any || !batch.empty();
      if (!batch.empty()) KIBAN_TRY_VOID(commit(batch));
    }
  }

  std::unique_ptr<Store> rows_;
  EncryptionKey key_;
  std::vector<std::string> plain_;
};

std::string last_error() { return std::generic_category().message(errno); }

Result<void> write_key(const std::string& path, const EncryptionKey& key) {
  const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (file < 0) return fail("KeyUnusable", fmt::format("can't create {}: {}", path, last_error()));
  const bool written = ::write(file, key.data(), key.size()) == static_cast<ssize_t>(key.size()) &&
                       ::fsync(file) == 0;
  const std::string why = last_error();
  ::close(file);
  if (!written) {
    ::unlink(path.c_str());
    return fail("KeyUnusable", fmt::format("can't write {}: {}", path, why));
  }
  const std::string folder = std::filesystem::absolute(path).parent_path().string();
  const int directory = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const bool synced = directory >= 0 && ::fsync(directory) == 0;
  if (directory >= 0) ::close(directory);
  if (!synced) return fail("KeyUnusable", fmt::format("can't sync {}: {}", folder, last_error()));
  return {};
}

}  // namespace

Result<EncryptionKey> load_or_make_key(const std::string& path, const Store& rows) {
  EncryptionKey key{};
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file >= 0) {
    unsigned char more = 0;
    const bool whole = ::read(file, key.data(), key.size()) == static_cast<ssize_t>(key.size()) &&
                       ::read(file, &more, 1) == 0;
    ::close(file);
    if (whole) return key;
    return fail("KeyUnusable", fmt::format("{} is not a key file of {} bytes", path, key.size()));
  }
  if (errno != ENOENT)
    return fail("KeyUnusable", fmt::format("can't read {}: {}", path, last_error()));
  if (rows.get(state_key))
    return fail("KeyMissing",
                fmt::format("the rows are encrypted and the key file {} is missing", path));
  KIBAN_CHECK(RAND_bytes(key.data(), static_cast<int>(key.size())) == 1, "RAND_bytes");
  KIBAN_TRY_VOID(write_key(path, key));
  return key;
}

Result<std::unique_ptr<Store>> encrypt_store(std::unique_ptr<Store> rows, const EncryptionKey& key,
                                             const std::string& key_file,
                                             std::vector<std::string> plain) {
  auto made = std::make_unique<EncryptedStore>(std::move(rows), key, std::move(plain));
  KIBAN_TRY_VOID(made->begin(key_file));
  return std::unique_ptr<Store>(std::move(made));
}

}  // namespace kiban::store
