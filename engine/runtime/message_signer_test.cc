#include "runtime/message_signer.h"

#include <fmt/core.h>
#include <gmock/gmock.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "api/codec.h"
#include "core/json.h"

namespace kiban::runtime {
namespace {

// Does the certificate say that this text was signed?
bool verifies(const std::string& pem, const EVP_MD* digest, std::string_view text,
              std::string_view signature_base64) {
  BIO* memory = ::BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()));
  X509* certificate = ::PEM_read_bio_X509(memory, nullptr, nullptr, nullptr);
  EVP_PKEY* key = ::X509_get_pubkey(certificate);
  EVP_MD_CTX* context = ::EVP_MD_CTX_new();
  const std::string signature = api::decode_base64(signature_base64).value_or("");
  ::EVP_DigestVerifyInit(context, nullptr, digest, nullptr, key);
  const int verified = ::EVP_DigestVerify(
      context, reinterpret_cast<const unsigned char*>(signature.data()), signature.size(),
      reinterpret_cast<const unsigned char*>(text.data()), text.size());
  ::EVP_MD_CTX_free(context);
  ::EVP_PKEY_free(key);
  ::X509_free(certificate);
  ::BIO_free(memory);
  return verified == 1;
}

class MessageSignerTest : public testing::Test {
 protected:
  MessageSignerTest() { std::filesystem::create_directories(directory_); }
  ~MessageSignerTest() override { std::filesystem::remove_all(directory_); }
  json::object sign(const json::object& message, std::string_view version) {
    const auto text = signer_.sign(print_json(message), version);
    EXPECT_TRUE(text) << (text ? "" : text.error().cause);
    return parse_json(text.value_or("{}"))->as_object();
  }

  std::string directory_ = fmt::format("{}/kiban-signer-test-{}",
                                       std::filesystem::temp_directory_path().string(), ::getpid());
  MessageSigner signer_{directory_, "http://127.0.0.1:4566"};
};

const json::object notification{
    {"Type", "Notification"},      {"MessageId", "id"},
    {"TopicArn", "arn"},           {"Subject", "subject"},
    {"Message", "line\nline"},     {"Timestamp", "2026-11-24T00:00:00.000Z"},
    {"UnsubscribeURL", "http://u"}};

TEST_F(MessageSignerTest, SignsANotificationInBothVersions) {
  constexpr std::string_view text =
      "Message\nline\nline\nMessageId\nid\nSubject\nsubject\nTimestamp\n2026-11-24T00:00:00.000Z\n"
      "TopicArn\narn\nType\nNotification\n";
  const std::string pem = signer_.certificate()->pem;
  const json::object first = sign(notification, "1");
  EXPECT_TRUE(verifies(pem, ::EVP_sha1(), text, first.at("Signature").as_string()));
  const json::object second = sign(notification, "2");
  EXPECT_TRUE(verifies(pem, ::EVP_sha256(), text, second.at("Signature").as_string()));
  EXPECT_FALSE(verifies(pem, ::EVP_sha256(), "else", second.at("Signature").as_string()));
  EXPECT_EQ(second.at("SignatureVersion"), "2");
  EXPECT_EQ(std::string_view(second.at("SigningCertURL").as_string()),
            "http://127.0.0.1:4566" + signer_.certificate()->path);
  std::vector<std::string> names;
  for (const auto& member : first) names.emplace_back(member.key());
  EXPECT_THAT(names, testing::ElementsAre("Type", "MessageId", "TopicArn", "Subject", "Message",
                                          "Timestamp", "SignatureVersion", "Signature",
                                          "SigningCertURL", "UnsubscribeURL"));
}

TEST_F(MessageSignerTest, SignsAConfirmationWithTokenAndUrl) {
  const json::object signed_message = sign({{"Type", "SubscriptionConfirmation"},
                                            {"MessageId", "id"},
                                            {"Token", "token"},
                                            {"TopicArn", "arn"},
                                            {"Message", "m"},
                                            {"SubscribeURL", "http://s"},
                                            {"Timestamp", "t"}},
                                           "1");
  EXPECT_TRUE(verifies(signer_.certificate()->pem, ::EVP_sha1(),
                       "Message\nm\nMessageId\nid\nSubscribeURL\nhttp://s\nTimestamp\nt\nToken\n"
                       "token\nTopicArn\narn\nType\nSubscriptionConfirmation\n",
                       signed_message.at("Signature").as_string()));
}

TEST_F(MessageSignerTest, KeepsItsKeyInTheDirectory) {
  const std::string pem = signer_.certificate()->pem;
  MessageSigner again{directory_, "http://127.0.0.1:1"};
  EXPECT_EQ(again.certificate()->pem, pem);
  EXPECT_EQ(again.sign(print_json(notification), "1").has_value(), true);
  const auto permissions = std::filesystem::status(directory_ + "/sns-signing.pem").permissions();
  EXPECT_EQ(permissions, std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
  MessageSigner other{"", "http://127.0.0.1:1"};
  EXPECT_NE(other.certificate()->pem, pem);
  std::ofstream{directory_ + "/sns-signing.pem"} << "broken";
  MessageSigner broken{directory_, "http://127.0.0.1:1"};
  EXPECT_EQ(broken.certificate().error().name, "DataFailed");
}

}  // namespace
}  // namespace kiban::runtime
