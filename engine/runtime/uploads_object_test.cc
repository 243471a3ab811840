#include "runtime/uploads_object.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace kiban::runtime {
namespace {

class ObjectBodies : public testing::Test {
 protected:
  ~ObjectBodies() override { std::filesystem::remove_all(directory_); }

  const std::string directory_ = [] {
    std::string made = testing::TempDir() + "/kiban-object-XXXXXX";
    return std::string(::mkdtemp(made.data()));
  }();
  std::unique_ptr<store::Blobs> blobs_ = store::open_directory_blobs(directory_ + "/blobs").value();
};

TEST_F(ObjectBodies, BecomeBlobsWithTheirDigests) {
  ObjectBody body{directory_ + "/body", {.headers = {{"X-Amz-Checksum-SHA1", "any"}}}};
  body.write("12345");
  body.write("6789");
  ASSERT_TRUE(body.finish());
  EXPECT_EQ(body.sha256(), store::sha256_hex("123456789"));
  const json::object kept = body.store(*blobs_).value();
  EXPECT_EQ(blobs_->read(body.sha256()), "123456789");
  EXPECT_EQ(kept.at("Size"), 9U);
  EXPECT_EQ(kept.at("Md5"), "25f9e794323b453885f5181f1b624d0b");  // md5sum of 123456789.
  EXPECT_EQ(kept.at("Checksums"), (json::object{{"CRC64NVME", "rosUhgp5mIg="},
                                                {"SHA1", "98O8HYCOBHMq32eZZczDTKeuNEE="}}));
  EXPECT_FALSE(std::filesystem::exists(directory_ + "/body"));
}

TEST_F(ObjectBodies, ComeWithoutTheirFraming) {
  const api::HttpRequest head{
      .headers = {{"x-amz-content-sha256", "STREAMING-UNSIGNED-PAYLOAD-TRAILER"},
                  {"x-amz-trailer", "x-amz-checksum-crc32"},
                  {"x-amz-decoded-content-length", "9"}}};
  ObjectBody body{directory_ + "/body", head};
  body.write("9\r\n1234567");
  body.write("89\r\n0\r\nx-amz-checksum-crc32:y/Q5Jg==\r\n\r\n");
  ASSERT_TRUE(body.finish());
  json::object input{{"ContentEncoding", "aws-chunked, gzip"}};
  body.amend(input);
  EXPECT_EQ(input, (json::object{{"ContentEncoding", "gzip"}, {"ChecksumCRC32", "y/Q5Jg=="}}));
  EXPECT_EQ(body.store(*blobs_)->at("Checksums").at("CRC32"), "y/Q5Jg==");

  ObjectBody ended{directory_ + "/early", head};
  ended.write("9\r\n123");
  EXPECT_EQ(ended.finish().error().name, "IncompleteBody");
  ObjectBody shorter{directory_ + "/short", head};
  shorter.write("1\r\n1\r\n0\r\n\r\n");
  EXPECT_EQ(shorter.finish().error().name, "IncompleteBody");
}

TEST_F(ObjectBodies, InChunksTellTheirLength) {
  const api::HttpRequest head{
      .headers = {{"x-amz-content-sha256", "STREAMING-UNSIGNED-PAYLOAD-TRAILER"}}};
  ObjectBody body{directory_ + "/body", head};
  body.write("1\r\n1\r\n0\r\n\r\n");
  EXPECT_EQ(body.finish().error().name, "MissingContentLength");
}

TEST_F(ObjectBodies, DigestsOfWhatIsThere) {
  const std::string first = blobs_->put("01234").value();
  const std::string second = blobs_->put("xx56789x").value();
  json::object body{{"Pieces",
                     {{{"Digest", first}, {"Offset", 1}, {"Size", 4}},
                      {{"Digest", second}, {"Offset", 2}, {"Size", 5}}}},
                    {"Size", 9},
                    {"Algorithm", "CRC32"}};
  ASSERT_TRUE(complete_digests(*blobs_, body));
  EXPECT_EQ(body.at("Md5"), "25f9e794323b453885f5181f1b624d0b");
  EXPECT_EQ(body.at("Checksums").at("CRC32"), "y/Q5Jg==");
  body["Pieces"] = {{{"Digest", first}, {"Size", 99}}};
  body.erase("Md5");
  EXPECT_FALSE(complete_digests(*blobs_, body));
}

}  // namespace
}  // namespace kiban::runtime
