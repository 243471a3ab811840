// Signs what SNS posts, as AWS does: RSA over SHA-1 (SignatureVersion 1) or SHA-256 (2) of the
// message's fields, with a certificate that the message names. It is self-signed, so a client
// that checks for a host of amazonaws.com must be configured to trust this server's.
// https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html
#pragma once

#include <openssl/evp.h>

#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "core/result.h"

namespace kiban::runtime {

class MessageSigner {
 public:
  // Key and certificate lie in DIRECTORY/sns-signing.pem; they are made when first needed.
  // `directory` empty: in memory only.
  MessageSigner(std::string directory, std::string endpoint);
  ~MessageSigner();
  MessageSigner(const MessageSigner&) = delete;
  MessageSigner& operator=(const MessageSigner&) = delete;

  // `body`, a JSON object of type Notification or SubscriptionConfirmation, with SignatureVersion,
  // Signature and SigningCertURL. Any thread; takes about a millisecond. Errors: `DataFailed`.
  Result<std::string> sign(std::string_view body, std::string_view version);

  struct Certificate {
    std::string path{};  // Of the URL: /SimpleNotificationService-….pem
    std::string pem{};
  };
  // Any thread. Error `DataFailed`.
  Result<Certificate> certificate();

 private:
  using Key = std::unique_ptr<EVP_PKEY, void (*)(EVP_PKEY*)>;
  Result<void> load();  // Under the mutex.
  Result<void> make(const std::string& file);

  std::string directory_;
  std::string endpoint_;
  std::mutex mutex_{};
  Key key_;
  Certificate certificate_{};
};

constexpr std::string_view signing_certificate_prefix = "/SimpleNotificationService-";

}  // namespace kiban::runtime
