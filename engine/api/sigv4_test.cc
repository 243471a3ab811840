#include "api/sigv4.h"

#include <gmock/gmock.h>

namespace kiban::api {
namespace {

using testing::HasSubstr;
using namespace std::chrono_literals;

const Timestamp now = parse_iso8601("2026-11-24T02:55:09Z").value();
const Signer signer{.access_key_id = "AKID", .secret = "secret", .service = "ssm"};

std::optional<Key> lookup(std::string_view id) {
  if (id == "AKID") return Key{.secret = "secret"};
  if (id == "ASIA") {
    return Key{.secret = "secret", .session_token = "token", .expires = now + 1h};
  }
  return std::nullopt;
}

HttpRequest ssm_request() {
  return {.headers = {{"Host", "127.0.0.1:4566"},
                      {"X-Amz-Target", "AmazonSSM.GetParameter"},
                      {"Content-Type", "application/x-amz-json-1.1"}},
          .body = R"({"Name":"/a"})"};
}

Result<Signature> verify(const HttpRequest& request, Timestamp at = now) {
  Verifier verifier;
  return verifier.verify(request, identify(request), lookup, at);
}

std::string refusal(const HttpRequest& request, Timestamp at = now) {
  const auto result = verify(request, at);
  return result ? "accepted" : result.error().name;
}

void set_header(HttpRequest& request, std::string_view name, std::string_view value) {
  for (auto& [key, old] : request.headers) {
    if (key == name) old = value;
  }
}

// The worked example of the S3 documentation, whose signature AWS printed:
// https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
HttpRequest documented_request() {
  return {.method = "GET",
          .path = "/test.txt",
          .headers = {
              {"Host", "examplebucket.s3.amazonaws.com"},
              {"Range", "bytes=0-9"},
              {"x-amz-content-sha256",
               "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
              {"x-amz-date", "20130524T000000Z"},
              {"Authorization",
               "AWS4-HMAC-SHA256 "
               "Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,SignedHeaders="
               "host;range;x-amz-content-sha256;x-amz-date,Signature="
               "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"}}};
}

TEST(Sigv4, AcceptsTheDocumentedExample) {
  const HttpRequest request = documented_request();
  Verifier verifier;
  const auto result = verifier.verify(
      request, identify(request),
      [](std::string_view) { return Key{.secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"}; },
      parse_iso8601("2013-05-24T00:00:10Z").value());
  ASSERT_TRUE(result) << result.error().cause;
  EXPECT_EQ(result->access_key_id, "AKIAIOSFODNN7EXAMPLE");
  EXPECT_EQ(result->region, "us-east-1");
}

// https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html
TEST(Sigv4, AcceptsTheDocumentedUrl) {
  const HttpRequest request{
      .method = "GET",
      .path = "/test.txt",
      .query =
          "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524"
          "%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&"
          "X-Amz-SignedHeaders=host&X-Amz-Signature="
          "aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404",
      .headers = {{"Host", "examplebucket.s3.amazonaws.com"}}};
  Verifier verifier;
  const auto documented_key = [](std::string_view) {
    return Key{.secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"};
  };
  const auto day = parse_iso8601("2013-05-24T00:00:00Z").value();
  EXPECT_TRUE(verifier.verify(request, identify(request), documented_key, day + 23h));
  EXPECT_EQ(verifier.verify(request, identify(request), documented_key, day + 25h).error(),
            (Error{"AccessDenied", "Request has expired"}));
}

TEST(Sigv4, RefusesWhatWasChanged) {
  HttpRequest request = ssm_request();
  sign(request, signer, now);
  EXPECT_EQ(refusal(request), "accepted");
  HttpRequest other_body = request;
  other_body.body = R"({"Name":"/b"})";
  EXPECT_EQ(refusal(other_body), "InvalidSignatureException");
  HttpRequest other_target = request;
  set_header(other_target, "X-Amz-Target", "AmazonSSM.DeleteParameter");
  EXPECT_EQ(refusal(other_target), "InvalidSignatureException");
  HttpRequest other_query = request;
  other_query.query = "a=b";
  EXPECT_EQ(refusal(other_query), "InvalidSignatureException");
  HttpRequest added = request;
  added.headers.emplace_back("X-Amz-Security-Token", "mine");
  EXPECT_EQ(refusal(added), "InvalidSignatureException");
}

TEST(Sigv4, RefusesOtherKeys) {
  HttpRequest wrong = ssm_request();
  sign(wrong, {.access_key_id = "AKID", .secret = "guess", .service = "ssm"}, now);
  EXPECT_EQ(refusal(wrong), "InvalidSignatureException");
  HttpRequest unknown = ssm_request();
  sign(unknown, {.access_key_id = "AKIX", .secret = "secret", .service = "ssm"}, now);
  EXPECT_EQ(refusal(unknown), "UnrecognizedClientException");
  EXPECT_EQ(refusal(ssm_request()), "MissingAuthenticationTokenException");
  HttpRequest garbled = ssm_request();
  garbled.headers.emplace_back("Authorization", "AWS4-HMAC-SHA256 Credential=AKID");
  EXPECT_EQ(refusal(garbled), "IncompleteSignatureException");
}

TEST(Sigv4, AllowsFiveMinutesOfSkew) {
  HttpRequest request = ssm_request();
  sign(request, signer, now);
  EXPECT_EQ(refusal(request, now + 5min), "accepted");
  EXPECT_EQ(refusal(request, now - 5min), "accepted");
  const auto late = verify(request, now + 5min + 1s);
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error(),
            (Error{"InvalidSignatureException",
                   "Signature expired: 20261124T025509Z is now earlier than 20261124T025510Z "
                   "(20261124T030010Z - 5 min.)"}));
  EXPECT_THAT(verify(request, now - 6min).error().cause, HasSubstr("not yet current"));
}

TEST(Sigv4, TemporaryKeysNeedTheirTokenAndExpire) {
  const Signer session{
      .access_key_id = "ASIA", .secret = "secret", .session_token = "token", .service = "ssm"};
  HttpRequest request = ssm_request();
  sign(request, session, now);
  EXPECT_EQ(refusal(request), "accepted");
  HttpRequest tokenless = ssm_request();
  sign(tokenless, {.access_key_id = "ASIA", .secret = "secret", .service = "ssm"}, now);
  EXPECT_EQ(refusal(tokenless), "UnrecognizedClientException");
  HttpRequest later = ssm_request();
  sign(later, session, now + 1h);
  EXPECT_EQ(refusal(later, now + 1h), "ExpiredTokenException");
}

TEST(Sigv4, NamesErrorsAsTheProtocolDoes) {
  HttpRequest form{
      .headers = {{"Host", "h"}, {"Content-Type", "application/x-www-form-urlencoded"}},
      .body = "Action=GetCallerIdentity&Version=2011-06-15"};
  sign(form, {.access_key_id = "AKID", .secret = "guess", .service = "sts"}, now);
  EXPECT_EQ(refusal(form), "SignatureDoesNotMatch");
  HttpRequest object{.method = "GET", .path = "/b/k", .headers = {{"Host", "h"}}};
  sign(object, {.access_key_id = "AKIX", .secret = "secret", .service = "s3"}, now);
  EXPECT_EQ(refusal(object), "InvalidAccessKeyId");
  HttpRequest old{.method = "GET", .path = "/b/k", .headers = {{"Host", "h"}}};
  sign(old, {.access_key_id = "AKID", .secret = "secret", .service = "s3"}, now);
  EXPECT_EQ(refusal(old, now + 14min), "accepted");
  EXPECT_EQ(refusal(old, now + 16min), "RequestTimeTooSkewed");
  EXPECT_EQ(refusal({.method = "GET", .path = "/b/k"}), "AccessDenied");
}

TEST(Sigv4, PresignedUrlsExpire) {
  HttpRequest url{
      .method = "GET", .path = "/b/a%20b", .query = "x-id=1", .headers = {{"Host", "h"}}};
  presign(url, {.access_key_id = "AKID", .secret = "secret", .service = "s3"}, now, 60s);
  EXPECT_EQ(refusal(url, now + 60s), "accepted");
  EXPECT_EQ(refusal(url, now + 61s), "AccessDenied");
  url.path = "/b/other";
  EXPECT_EQ(refusal(url, now), "SignatureDoesNotMatch");
}

TEST(Sigv4, PathsAreNormalisedExceptForS3) {
  HttpRequest request = ssm_request();
  request.path = "//a/./b/../c%20d/";
  sign(request, signer, now);
  EXPECT_EQ(refusal(request), "accepted");
  request.path = "/a/c%20d/";
  EXPECT_EQ(refusal(request), "accepted");
}

TEST(Sigv4, TheScopeIsOfTheServiceThatIsAskedAndOfARegion) {
  const auto refused = [](const Signer& with) {
    HttpRequest request = ssm_request();
    sign(request, with, now);
    return verify(request).error();
  };
  EXPECT_EQ(refused({.access_key_id = "AKID", .secret = "secret", .service = "sqs"}),
            (Error{"InvalidSignatureException",
                   "Credential should be scoped to correct service: 'ssm'. "}));
  for (const char* region : {"mars-1", "us-east-9", "aws-global", "", "US-EAST-1"})
    EXPECT_EQ(
        refused({.access_key_id = "AKID", .secret = "secret", .region = region, .service = "ssm"}),
        (Error{"InvalidSignatureException", "Credential should be scoped to a valid region. "}));
  HttpRequest own = ssm_request();
  sign(own, {.access_key_id = "AKID", .secret = "secret", .region = "lab-1", .service = "ssm"},
       now);
  EXPECT_TRUE(Verifier{"lab-1"}.verify(own, identify(own), lookup, now));
}

TEST(Sigv4, OnlyS3LeavesTheBodyOut) {
  for (const char* mode : {"UNSIGNED-PAYLOAD", "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
                           "STREAMING-AWS4-HMAC-SHA256-PAYLOAD", "STREAMING-WHATEVER"}) {
    HttpRequest request = ssm_request();
    request.headers.emplace_back("X-Amz-Content-Sha256", mode);
    sign(request, signer, now);
    EXPECT_EQ(refusal(request), "InvalidSignatureException") << mode;
  }
  for (const char* mode : {"STREAMING-WHATEVER", "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD", "x"}) {
    HttpRequest object{.method = "PUT", .path = "/b/k", .headers = {{"Host", "h"}}};
    sign(object, {.access_key_id = "AKID", .secret = "secret", .service = "s3"}, now);
    set_header(object, "X-Amz-Content-Sha256", mode);
    EXPECT_EQ(refusal(object), "InvalidArgument") << mode;
  }
}

TEST(Sigv4, NamesTheMechanismThatIsNotSupported) {
  constexpr std::string_view text =
      "The authorization mechanism you have provided is not supported. Please use "
      "AWS4-HMAC-SHA256.";
  const HttpRequest url{.method = "GET",
                        .path = "/b/k",
                        .query = "AWSAccessKeyId=AKID&Signature=x%3D&Expires=1",
                        .headers = {{"Host", "h"}}};
  EXPECT_EQ(verify(url).error(), (Error{"InvalidRequest", std::string(text)}));
  const HttpRequest signed_by_2{.method = "GET",
                                .path = "/b/k",
                                .headers = {{"Host", "h"}, {"Authorization", "AWS AKID:c2ln"}}};
  EXPECT_EQ(verify(signed_by_2).error(), (Error{"InvalidRequest", std::string(text)}));
}

TEST(Sigv4, TheHeadIsVerifiedBeforeTheBody) {
  Verifier verifier;
  HttpRequest request{.method = "PUT", .path = "/b/k", .headers = {{"Host", "h"}}, .body = "body"};
  sign(request, {.access_key_id = "AKID", .secret = "secret", .service = "s3"}, now);
  request.body.clear();
  EXPECT_TRUE(verifier.verify_head(request, identify(request), lookup, now));
  request.path = "/b/other";
  EXPECT_EQ(verifier.verify_head(request, identify(request), lookup, now).error().name,
            "SignatureDoesNotMatch");
  HttpRequest unknown = ssm_request();
  sign(unknown, {.access_key_id = "AKIX", .secret = "secret", .service = "ssm"}, now);
  EXPECT_EQ(verifier.verify_head(unknown, identify(unknown), lookup, now).error().name,
            "UnrecognizedClientException");
}

}  // namespace
}  // namespace kiban::api
