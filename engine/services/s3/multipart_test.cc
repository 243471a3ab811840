#include <gtest/gtest.h>

#include "api/checksums.h"
#include "kernel/kernel.h"
#include "services/base/table_service.h"
#include "services/s3/service.h"
#include "store/blobs.h"

namespace kiban::services::s3 {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t five_mib = 5UL * 1024 * 1024;

class Multipart : public testing::Test {
 protected:
  Multipart() {
    std::vector<std::unique_ptr<Service>> services;
    services.push_back(make_s3());
    kernel_ = std::make_unique<kernel::Kernel>(*store_, std::move(services),
                                               kernel::Options{.blobs = blobs_.get()});
    call("CreateBucket",
         {{"CreateBucketConfiguration", {{"LocationConstraint", "ap-northeast-1"}}}});
  }
  Result<json::object> try_call(std::string operation, json::object input) {
    input["Bucket"] = "assets";
    if (!input.contains("Key") && operation != "CreateBucket" && !operation.starts_with("List"))
      input["Key"] = "k";
    return kernel_->call("s3", std::move(operation), std::move(input), now_, ++seed_);
  }
  json::object call(const std::string& operation, json::object input) {
    auto reply = try_call(operation, std::move(input));
    EXPECT_TRUE(reply) << operation << ": " << (reply ? "" : reply.error().cause);
    return reply.value_or(json::object{});
  }
  std::string refused(const std::string& operation, json::object input) {
    const auto reply = try_call(operation, std::move(input));
    return reply ? "" : reply.error().name;
  }
  std::string begin(json::object input = {}) {
    return text(call("CreateMultipartUpload", std::move(input)), "UploadId");
  }
  json::object body(std::string_view bytes) {
    return {{"Digest", blobs_->put(bytes).value()}, {"Size", bytes.size()}};
  }
  // What CompleteMultipartUpload is to say of the part.
  json::object upload(const std::string& id, int number, std::string_view bytes,
                      json::object more = {}) {
    more["UploadId"] = id;
    more["PartNumber"] = number;
    more["Body"] = body(bytes);
    json::object part = call("UploadPart", std::move(more));
    part.erase("ServerSideEncryption");
    part["PartNumber"] = number;
    return part;
  }
  static json::object completion(const std::string& id, json::array parts) {
    return {{"UploadId", id}, {"MultipartUpload", {{"Parts", std::move(parts)}}}};
  }
  std::string read(json::object input) {
    const json::object got = call("GetObject", std::move(input));
    const json::object& of = got.at("Body").as_object();
    const json::array* pieces = find_array(of, "Pieces");
    std::string all;
    for (const json::value& value : pieces ? *pieces : json::array{of}) {
      const json::object& piece = value.as_object();
      all += blobs_->read(text(piece, "Digest"))
                 .value()
                 .substr(static_cast<std::size_t>(number(piece, "Offset", 0)),
                         static_cast<std::size_t>(number(piece, "Size", 0)));
    }
    return all;
  }

  const std::string first_ = std::string(five_mib, 'a');
  const std::string second_ = std::string(five_mib + 3, 'b');
  std::unique_ptr<store::Store> store_ = store::make_memory_store();
  std::unique_ptr<store::Blobs> blobs_ = store::make_memory_blobs();
  std::unique_ptr<kernel::Kernel> kernel_{};
  Timestamp now_{1'700'000'000'000ms};
  std::uint64_t seed_{0};
};

TEST_F(Multipart, PartsBecomeOneObject) {
  const std::string id = begin({{"ContentType", "text/plain"}, {"Tagging", "a=b"}});
  const json::object two = upload(id, 2, second_);
  upload(id, 1, "replaced by the next");
  const json::object one = upload(id, 1, first_);
  const json::object three = upload(id, 7, "end");
  const json::object done = call("CompleteMultipartUpload", completion(id, {one, two, three}));
  // printf of the parts' MD5s joined, through md5sum.
  std::string digests;
  for (const std::string& part : {first_, second_, std::string("end")}) {
    const std::string hex = store::md5_hex(part);
    for (std::size_t i = 0; i < hex.size(); i += 2)
      digests += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
  }
  EXPECT_EQ(text(done, "ETag"), "\"" + store::md5_hex(digests) + "-3\"");
  EXPECT_EQ(read({}), first_ + second_ + "end");
  EXPECT_EQ(read({{"Range", "bytes=5242878-5242881"}}), "aabb");
  EXPECT_EQ(read({{"Range", "bytes=-4"}}), "bend");
  EXPECT_EQ(read({{"PartNumber", 7}}), "end");
  EXPECT_EQ(refused("GetObject", {{"PartNumber", 3}}), "InvalidPartNumber");
  const json::object head = call("HeadObject", {{"PartNumber", 1}, {"ChecksumMode", "ENABLED"}});
  EXPECT_EQ(head.at("PartsCount"), 3);
  EXPECT_EQ(head.at("ContentType"), "text/plain");
  EXPECT_EQ(head.at("TagCount"), 1);
  // The upload is over, its parts are not listed any more.
  EXPECT_EQ(refused("ListParts", {{"UploadId", id}}), "NoSuchUpload");
  EXPECT_FALSE(call("ListMultipartUploads", {}).contains("Uploads"));
  EXPECT_TRUE(store_->scan("s3/part/", {}, 1).empty());
  // A copy is an object of its own, in one part.
  call("CopyObject", {{"Key", "copy"}, {"CopySource", "assets/k"}});
  EXPECT_EQ(text(call("HeadObject", {{"Key", "copy"}}), "ETag"),
            "\"" + store::md5_hex(first_ + second_ + "end") + "\"");
}

TEST_F(Multipart, ChecksumsOfPartsAndOfTheWhole) {
  using api::ChecksumKind;
  const auto finish = [&](json::object begun, bool names_checksums) {
    const std::string id = begin(std::move(begun));
    json::array parts{upload(id, 1, first_), upload(id, 2, "end")};
    if (!names_checksums)
      parts = {{{"PartNumber", 1}, {"ETag", parts[0].at("ETag")}},
               {{"PartNumber", 2}, {"ETag", parts[1].at("ETag")}}};
    return call("CompleteMultipartUpload", completion(id, std::move(parts)));
  };
  EXPECT_EQ(text(finish({}, false), "ChecksumCRC64NVME"),
            api::checksum_of(ChecksumKind::Crc64nvme, first_ + "end"));
  const json::object full =
      finish({{"ChecksumAlgorithm", "CRC32"}, {"ChecksumType", "FULL_OBJECT"}}, false);
  EXPECT_EQ(text(full, "ChecksumCRC32"), api::checksum_of(ChecksumKind::Crc32, first_ + "end"));
  const json::object composite = finish({{"ChecksumAlgorithm", "SHA256"}}, true);
  EXPECT_EQ(composite.at("ChecksumType"), "COMPOSITE");
  EXPECT_TRUE(text(composite, "ChecksumSHA256").ends_with("=-2"));
  EXPECT_EQ(call("HeadObject", {{"ChecksumMode", "ENABLED"}}).at("ChecksumSHA256"),
            composite.at("ChecksumSHA256"));

  const std::string id = begin({{"ChecksumAlgorithm", "SHA256"}});
  const json::object part = upload(id, 1, "x");
  EXPECT_EQ(refused("CompleteMultipartUpload",
                    completion(id, {{{"PartNumber", 1}, {"ETag", part.at("ETag")}}})),
            "InvalidRequest");  // The part's checksum is missing.
  EXPECT_EQ(refused("UploadPart", {{"UploadId", id},
                                   {"PartNumber", 2},
                                   {"Body", body("x")},
                                   {"ChecksumCRC32", "jNwWgw=="}}),
            "InvalidRequest");
  EXPECT_EQ(refused("UploadPart", {{"UploadId", id},
                                   {"PartNumber", 2},
                                   {"Body", body("x")},
                                   {"ChecksumSHA256", part.at("ChecksumSHA256").as_string()},
                                   {"ContentMD5", "rL0Y20zC+Fzt72VPzMSk2A=="}}),
            "BadDigest");
  EXPECT_EQ(refused("CreateMultipartUpload",
                    {{"ChecksumAlgorithm", "SHA1"}, {"ChecksumType", "FULL_OBJECT"}}),
            "InvalidRequest");
}

TEST_F(Multipart, WhatIsWrongIsRefusedAsAwsDoes) {
  const std::string id = begin();
  const json::object one = upload(id, 1, "small");
  const json::object two = upload(id, 2, "small too");
  const auto complete = [&](json::array parts) {
    return refused("CompleteMultipartUpload", completion(id, std::move(parts)));
  };
  EXPECT_EQ(complete({}), "MalformedXML");
  EXPECT_EQ(complete({two, one}), "InvalidPartOrder");
  EXPECT_EQ(complete({one, two}), "EntityTooSmall");
  EXPECT_EQ(complete({{{"PartNumber", 3}, {"ETag", "x"}}}), "InvalidPart");
  EXPECT_EQ(complete({{{"PartNumber", 1}, {"ETag", "\"x\""}}}), "InvalidPart");
  EXPECT_EQ(refused("UploadPart", {{"UploadId", "none"}, {"PartNumber", 1}, {"Body", body("x")}}),
            "NoSuchUpload");
  EXPECT_EQ(refused("UploadPart", {{"UploadId", id}, {"PartNumber", 10'001}, {"Body", body("x")}}),
            "InvalidArgument");
  EXPECT_EQ(refused("HeadObject", {}), "NotFound");
  call("AbortMultipartUpload", {{"UploadId", id}});
  EXPECT_EQ(refused("AbortMultipartUpload", {{"UploadId", id}}), "NoSuchUpload");
  EXPECT_TRUE(store_->scan("s3/part/", {}, 1).empty());
}

TEST_F(Multipart, PartsAreCopied) {
  call("PutObject", {{"Key", "source"}, {"Body", body(first_ + "0123456789")}});
  const std::string id = begin();
  const auto copy = [&](int number, std::string_view range) {
    json::object input{{"UploadId", id}, {"PartNumber", number}, {"CopySource", "assets/source"}};
    if (!range.empty()) input["CopySourceRange"] = range;
    const json::object copied = call("UploadPartCopy", std::move(input));
    return json::object{{"PartNumber", number}, {"ETag", copied.at("CopyPartResult").at("ETag")}};
  };
  const json::object one = copy(1, "");
  const json::object two = copy(2, "bytes=5242882-5242884");
  EXPECT_EQ(text(two, "ETag"), "\"" + store::md5_hex("234") + "\"");
  const json::object done = call("CompleteMultipartUpload", completion(id, {one, two}));
  EXPECT_EQ(read({}), first_ + "0123456789234");
  EXPECT_EQ(text(done, "ChecksumCRC64NVME"),
            api::checksum_of(api::ChecksumKind::Crc64nvme, first_ + "0123456789234"));
  const std::string other = begin();
  for (const std::string_view range : {"bytes=5-", "bytes=3-1", "5-6", "bytes=0-9x"})
    EXPECT_EQ(refused("UploadPartCopy", {{"UploadId", other},
                                         {"PartNumber", 1},
                                         {"CopySource", "assets/source"},
                                         {"CopySourceRange", range}}),
              "InvalidArgument")
        << range;
  EXPECT_EQ(refused("UploadPartCopy", {{"UploadId", other},
                                       {"PartNumber", 1},
                                       {"CopySource", "assets/source"},
                                       {"CopySourceRange", "bytes=0-99999999"}}),
            "InvalidRequest");
}

TEST_F(Multipart, Listings) {
  const std::string id = begin({{"Key", "b/1"}, {"ChecksumAlgorithm", "CRC32"}});
  for (int number = 1; number <= 3; ++number) {
    call("UploadPart",
         {{"Key", "b/1"}, {"UploadId", id}, {"PartNumber", number}, {"Body", body("x")}});
  }
  json::object page = call("ListParts", {{"Key", "b/1"}, {"UploadId", id}, {"MaxParts", 2}});
  EXPECT_EQ(page.at("Parts").as_array().size(), 2U);
  EXPECT_EQ(page.at("Parts").at(0).at("ChecksumCRC32"), "jNwWgw==");
  EXPECT_EQ(page.at("IsTruncated"), true);
  page = call(
      "ListParts",
      {{"Key", "b/1"}, {"UploadId", id}, {"PartNumberMarker", page.at("NextPartNumberMarker")}});
  EXPECT_EQ(page.at("Parts").as_array().size(), 1U);
  EXPECT_EQ(page.at("IsTruncated"), false);

  begin({{"Key", "a"}});
  begin({{"Key", "a"}});
  begin({{"Key", "b/2"}});
  json::object all = call("ListMultipartUploads", {{"Delimiter", "/"}});
  EXPECT_EQ(all.at("Uploads").as_array().size(), 2U);
  EXPECT_EQ(all.at("CommonPrefixes").at(0).at("Prefix"), "b/");
  json::object input{{"MaxUploads", 1}};
  std::vector<std::string> seen;
  for (int turn = 0; turn < 6; ++turn) {
    all = call("ListMultipartUploads", input);
    seen.push_back(text(all.at("Uploads").at(0).as_object(), "Key"));
    if (!flag(all, "IsTruncated")) break;
    input["KeyMarker"] = all.at("NextKeyMarker");
    input["UploadIdMarker"] = all.at("NextUploadIdMarker");
  }
  EXPECT_EQ(seen, (std::vector<std::string>{"a", "a", "b/1", "b/2"}));
}

}  // namespace
}  // namespace kiban::services::s3
