#include "runtime/message_signer.h"

#include <fmt/core.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "api/codec.h"
#include "core/json.h"
#include "runtime/keys.h"
#include "store/blobs.h"

namespace kiban::runtime {

namespace {

constexpr unsigned key_bits = 2048;
constexpr long certificate_seconds = 30L * 365 * 24 * 3600;

using Bio = std::unique_ptr<BIO, int (*)(BIO*)>;
using X509Holder = std::unique_ptr<X509, void (*)(X509*)>;

std::string text_of(BIO* memory) {
  char* bytes = nullptr;
  const long size = BIO_get_mem_data(memory, &bytes);
  return {bytes, static_cast<std::size_t>(size)};
}

template <typename Write>
std::string pem_of(Write write) {
  const Bio memory{::BIO_new(::BIO_s_mem()), ::BIO_free};
  KIBAN_CHECK(write(memory.get()) == 1, "a PEM is written to memory");
  return text_of(memory.get());
}

// Self-signed: only clients that were configured to trust it do.
X509Holder self_signed(EVP_PKEY* key) {
  X509Holder certificate{::X509_new(), ::X509_free};
  X509* const made = certificate.get();
  ::X509_set_version(made, 2);  // Counted from zero: version 3.
  ::ASN1_INTEGER_set(::X509_get_serialNumber(made), 1);
  ::X509_gmtime_adj(::X509_getm_notBefore(made), 0);
  ::X509_gmtime_adj(::X509_getm_notAfter(made), certificate_seconds);
  X509_NAME* const name = ::X509_get_subject_name(made);
  const auto* const common = reinterpret_cast<const unsigned char*>("sns.kiban.local");
  ::X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, common, -1, -1, 0);
  ::X509_set_issuer_name(made, name);
  ::X509_set_pubkey(made, key);
  KIBAN_CHECK(::X509_sign(made, key, ::EVP_sha256()) > 0, "a certificate is signed by its key");
  return certificate;
}

// Names in alphabetical order, each on a line above its value; absent members are left out.
// https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message-verify-message-signature.html
std::string text_to_sign(const json::object& message) {
  const json::string* type = find_string(message, "Type");
  const bool notification = type && *type == "Notification";
  std::string text;
  for (const std::string_view name : {"Message", "MessageId", "Subject", "SubscribeURL",
                                      "Timestamp", "Token", "TopicArn", "Type"}) {
    if (notification && (name == "SubscribeURL" || name == "Token")) continue;
    if (!notification && name == "Subject") continue;
    if (const json::string* value = find_string(message, name))
      text += fmt::format("{}\n{}\n", name, std::string_view(*value));
  }
  return text;
}

Result<std::string> rsa_sign(EVP_PKEY* key, const EVP_MD* digest, std::string_view text) {
  const std::unique_ptr<EVP_MD_CTX, void (*)(EVP_MD_CTX*)> context{::EVP_MD_CTX_new(),
                                                                   ::EVP_MD_CTX_free};
  const auto* const bytes = reinterpret_cast<const unsigned char*>(text.data());
  std::size_t size = 0;
  bool done = ::EVP_DigestSignInit(context.get(), nullptr, digest, nullptr, key) == 1 &&
              ::EVP_DigestSign(context.get(), nullptr, &size, bytes, text.size()) == 1;
  std::string signature(size, '\0');
  done = done && ::EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(signature.data()),
                                  &size, bytes, text.size()) == 1;
  if (!done) return fail("DataFailed", "OpenSSL could not sign a message");
  signature.resize(size);
  return signature;
}

}  // namespace

MessageSigner::MessageSigner(std::string directory, std::string endpoint)
    : directory_(std::move(directory)),
      endpoint_(std::move(endpoint)),
      key_(nullptr, ::EVP_PKEY_free) {}

MessageSigner::~MessageSigner() = default;

Result<void> MessageSigner::make(const std::string& file) {
  key_.reset(::EVP_RSA_gen(key_bits));
  if (!key_) return fail("DataFailed", "OpenSSL could not make a key");
  const X509Holder certificate = self_signed(key_.get());
  certificate_.pem = pem_of([&](BIO* out) { return ::PEM_write_bio_X509(out, certificate.get()); });
  if (file.empty()) return {};
  const std::string key = pem_of([&](BIO* out) {
    return ::PEM_write_bio_PrivateKey(out, key_.get(), nullptr, nullptr, 0, nullptr, nullptr);
  });
  return write_private(file, key + certificate_.pem);
}

Result<void> MessageSigner::load() {
  if (key_) return {};
  const std::string file = directory_.empty() ? "" : directory_ + "/sns-signing.pem";
  std::error_code ignored;
  if (!file.empty() && std::filesystem::exists(file, ignored)) {
    std::ifstream in{file};
    std::ostringstream text;
    text << in.rdbuf();
    const std::string both = text.str();
    const Bio memory{::BIO_new_mem_buf(both.data(), static_cast<int>(both.size())), ::BIO_free};
    key_.reset(::PEM_read_bio_PrivateKey(memory.get(), nullptr, nullptr, nullptr));
    const X509Holder certificate{
        key_ ? ::PEM_read_bio_X509(memory.get(), nullptr, nullptr, nullptr) : nullptr, ::X509_free};
    if (!certificate) {
      key_.reset();
      return fail("DataFailed", fmt::format("{} holds no key and certificate. Remove it: another "
                                            "will be made.",
                                            file));
    }
    certificate_.pem =
        pem_of([&](BIO* out) { return ::PEM_write_bio_X509(out, certificate.get()); });
  } else if (const Result<void> made = make(file); !made) {
    key_.reset();
    return made;
  }
  certificate_.path = fmt::format("{}{}.pem", signing_certificate_prefix,
                                  store::sha256_hex(certificate_.pem).substr(0, 32));
  return {};
}

Result<MessageSigner::Certificate> MessageSigner::certificate() {
  const std::scoped_lock lock{mutex_};
  KIBAN_TRY_VOID(load());
  return certificate_;
}

Result<std::string> MessageSigner::sign(std::string_view body, std::string_view version) {
  const Result<json::value> parsed = parse_json(body);
  if (!parsed || !parsed->is_object()) return fail("DataFailed", "a message is no JSON object");
  const json::object& message = parsed->get_object();
  const EVP_MD* const digest = version == "2" ? ::EVP_sha256() : ::EVP_sha1();
  const std::scoped_lock lock{mutex_};
  KIBAN_TRY_VOID(load());
  KIBAN_TRY(const std::string signature, rsa_sign(key_.get(), digest, text_to_sign(message)));
  json::object out;  // In AWS's order.
  const auto put_signature = [&] {
    out["SignatureVersion"] = version;
    out["Signature"] = api::encode_base64(signature);
    out["SigningCertURL"] = endpoint_ + certificate_.path;
  };
  for (const auto& member : message) {
    if (member.key() == "UnsubscribeURL") put_signature();
    out[member.key()] = member.value();
  }
  if (!out.contains("Signature")) put_signature();
  return print_json(out);
}

}  // namespace kiban::runtime
