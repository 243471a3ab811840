#include "api/aws_chunked.h"

#include <gtest/gtest.h>

namespace kiban::api {
namespace {

struct Read {
  std::string content{};
  bool complete{false};
  Headers trailers{};
};

Read read(std::string_view body, std::size_t piece) {
  Read out;
  ChunkReader reader([&](std::string_view bytes) { out.content += bytes; });
  for (std::size_t at = 0; at < body.size(); at += piece) reader.add(body.substr(at, piece));
  out.complete = reader.complete();
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
        "0\r\nx:"})
    EXPECT_FALSE(read(body, 3).complete) << body;
}

}  // namespace
}  // namespace kiban::api
