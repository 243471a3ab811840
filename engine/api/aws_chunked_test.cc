#include "api/aws_chunked.h"

#include <gtest/gtest.h>

namespace kiban::api {
namespace {

struct Read {
  std::string content{};
  bool complete{false};
  bool mismatched{false};
  Headers trailers{};
};

Read read(std::string_view body, std::size_t piece, std::optional<ChunkSigning> signing = {}) {
  Read out;
  ChunkReader reader([&](std::string_view bytes) { out.content += bytes; }, std::move(signing));
  for (std::size_t at = 0; at < body.size(); at += piece) reader.add(body.substr(at, piece));
  out.complete = reader.complete();
  out.mismatched = reader.mismatched();
  out.trailers = reader.trailers();
  return out;
}

TEST(AwsChunked, GivesContentAndTrailersHoweverItIsCut) {
  constexpr std::string_view body =
      "5;chunk-signature=ab\r\nhello\r\n6\r\n world\r\n0\r\nx-amz-checksum-crc32: AAAAAA==\r\n\r\n";
  for (const std::size_t piece : {1UL, 2UL, 3UL, 7UL, 100UL}) {
    const Read got = read(body, piece);
    EXPECT_EQ(got.content, "hello world");
    EXPECT_TRUE(got.complete);
    EXPECT_EQ(got.trailers, (Headers{{"x-amz-checksum-crc32", "AAAAAA=="}}));
  }
  EXPECT_TRUE(read("0\r\n\r\n", 9).complete);
}

TEST(AwsChunked, WhatIsBrokenIsNotComplete) {
  for (const std::string_view body :
       {"", "5\r\nhel", "5\r\nhello", "5\r\nhello\r\n", "5\r\nhelloX\r\n0\r\n\r\n", "x\r\n",
        "5\nhello\r\n0\r\n\r\n", "-1\r\n", "ffffffffffffffff\r\n", "0\r\nno colon\r\n\r\n",
        "0\r\nx:", "0\r\n", "0\r\n\r\nmore"})
    EXPECT_FALSE(read(body, 3).complete) << body;
}

// The example whose signatures AWS printed: 66560 times 'a' in chunks of 64 KiB.
// docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html, sigv4-streaming-trailers.html
HttpRequest documented_head(bool trailer) {
  HttpRequest head{.method = "PUT",
                   .path = "/examplebucket/chunkObject.txt",
                   .headers = {{"Host", "s3.amazonaws.com"},
                               {"x-amz-date", "20130524T000000Z"},
                               {"x-amz-storage-class", "REDUCED_REDUNDANCY"},
                               {"Content-Encoding", "aws-chunked"},
                               {"x-amz-decoded-content-length", "66560"}}};
  const auto sign_with = [&](std::string_view names, std::string_view signature) {
    head.headers.emplace_back(
        "Authorization",
        "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,"
        "SignedHeaders=" +
            std::string(names) + ",Signature=" + std::string(signature));
  };
  if (trailer) {
    head.headers.emplace_back("x-amz-content-sha256", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER");
    head.headers.emplace_back("x-amz-trailer", "x-amz-checksum-crc32c");
    sign_with(
        "content-encoding;host;x-amz-content-sha256;x-amz-date;x-amz-decoded-content-length;"
        "x-amz-storage-class;x-amz-trailer",
        "106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e");
  } else {
    head.headers.emplace_back("x-amz-content-sha256", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD");
    head.headers.emplace_back("Content-Length", "66824");
    sign_with(
        "content-encoding;content-length;host;x-amz-content-sha256;x-amz-date;"
        "x-amz-decoded-content-length;x-amz-storage-class",
        "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9");
  }
  return head;
}

std::optional<ChunkSigning> documented_signing(bool trailer) {
  const HttpRequest head = documented_head(trailer);
  Verifier verifier;
  auto signing = verifier.verify_head(
      head, identify(head),
      [](std::string_view) { return Key{.secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"}; },
      parse_iso8601("2013-05-24T00:00:10Z").value());
  EXPECT_TRUE(signing) << signing.error().cause;
  return signing ? *std::move(signing) : std::nullopt;
}

std::string chunk(std::string_view size, std::string_view signature, std::string_view content) {
  std::string text = std::string(size) + ";chunk-signature=" + std::string(signature) + "\r\n";
  if (!content.empty()) text += std::string(content) + "\r\n";
  return text;
}

std::string documented_body() {
  return chunk("10000", "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648",
               std::string(65536, 'a')) +
         chunk("400", "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497",
               std::string(1024, 'a')) +
         chunk("0", "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9", "") +
         "\r\n";
}

std::string documented_body_with_trailer() {
  return chunk("10000", "b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2",
               std::string(65536, 'a')) +
         chunk("400", "1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7",
               std::string(1024, 'a')) +
         chunk("0", "2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992", "") +
         "x-amz-checksum-crc32c:sOO8/Q==\r\n"
         "x-amz-trailer-signature:"
         "d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435\r\n\r\n";
}

TEST(AwsChunked, AcceptsTheDocumentedSignatures) {
  const auto signing = documented_signing(false);
  ASSERT_TRUE(signing);
  EXPECT_TRUE(read(documented_body(), 1000, signing).complete);
  const auto with_trailer = documented_signing(true);
  ASSERT_TRUE(with_trailer);
  const Read got = read(documented_body_with_trailer(), 777, with_trailer);
  EXPECT_TRUE(got.complete);
  EXPECT_EQ(got.trailers, (Headers{{"x-amz-checksum-crc32c", "sOO8/Q=="}}));
}

TEST(AwsChunked, RefusesEachWrongOrMissingSignature) {
  const auto signing = documented_signing(false);
  const auto with_trailer = documented_signing(true);
  const auto changed = [](std::string body, std::string_view from, std::string_view to) {
    const std::size_t at = body.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    return body.replace(at, from.size(), to);
  };
  for (const auto& [from, to] : std::vector<std::pair<std::string, std::string>>{
           {"ad80", "0000"},
           {"0055", "1111"},
           {"b6c6", "0000"},
           {"aaaa", "aaab"},
           {";chunk-signature=ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648",
            ""}}) {
    const Read got = read(changed(documented_body(), from, to), 999, signing);
    EXPECT_TRUE(got.mismatched) << from;
    EXPECT_FALSE(got.complete) << from;
  }
  const std::string whole = documented_body_with_trailer();
  for (const auto& [from, to] :
       std::vector<std::pair<std::string, std::string>>{{"d81f", "0000"},
                                                        {"sOO8", "sOO9"},
                                                        {"x-amz-trailer-signature", "other"},
                                                        {"crc32c", "sha256"}}) {
    EXPECT_TRUE(read(changed(whole, from, to), 999, with_trailer).mismatched) << from;
  }
  // Unsigned chunks where signed ones were announced.
  EXPECT_TRUE(read("5\r\nhello\r\n0\r\n\r\n", 9, signing).mismatched);
}

TEST(AwsChunked, TrailersAreThoseThatWereAnnounced) {
  const HttpRequest head{.headers = {{"x-amz-trailer", "x-amz-checksum-crc32"}}};
  EXPECT_TRUE(check_trailers(head, {{"X-Amz-Checksum-Crc32", "AAAAAA=="}}));
  EXPECT_FALSE(check_trailers(head, {}));
  EXPECT_FALSE(check_trailers(head, {{"x-amz-checksum-sha1", "x"}}));
  EXPECT_FALSE(check_trailers({}, {{"x-amz-checksum-crc32", "AAAAAA=="}}));
  EXPECT_TRUE(check_trailers({}, {}));
}

}  // namespace
}  // namespace kiban::api
