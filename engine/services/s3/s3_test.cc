#include <gtest/gtest.h>

#include "kernel/kernel.h"
#include "services/base/table_service.h"
#include "services/s3/service.h"

namespace kiban::services::s3 {
namespace {

using namespace std::chrono_literals;

class S3 : public testing::Test {
 protected:
  S3() {
    std::vector<std::unique_ptr<Service>> services;
    services.push_back(make_s3());
    kernel_ = std::make_unique<kernel::Kernel>(*store_, std::move(services));
    call("CreateBucket", {{"Bucket", "assets"}});
  }
  json::object call(const std::string& operation, json::object input) {
    if (!input.contains("Bucket")) input["Bucket"] = "assets";
    auto reply = kernel_->call("s3", operation, std::move(input), now_, ++seed_);
    EXPECT_TRUE(reply) << operation << ": " << (reply ? "" : reply.error().cause);
    return reply.value_or(json::object{});
  }
  std::string refused(std::string operation, json::object input) {
    if (!input.contains("Bucket")) input["Bucket"] = "assets";
    const auto reply = kernel_->call("s3", std::move(operation), std::move(input), now_, ++seed_);
    return reply ? "" : reply.error().name;
  }
  void put(std::string_view key, std::int64_t size = 10) {
    call("PutObject", {{"Key", key},
                       {"Body", {{"Digest", digest}, {"Size", size}, {"Md5", "5d41402a"}}},
                       {"ContentType", "text/plain"},
                       {"Metadata", {{"colour", "red"}}}});
  }
  std::vector<std::string> keys(const json::object& listing) {
    std::vector<std::string> out;
    const json::array* contents = find_array(listing, "Contents");
    for (const json::value& entry : contents ? *contents : json::array{}) {
      out.push_back(text(entry.as_object(), "Key"));
    }
    const json::array* prefixes = find_array(listing, "CommonPrefixes");
    for (const json::value& entry : prefixes ? *prefixes : json::array{}) {
      out.push_back(text(entry.as_object(), "Prefix"));
    }
    return out;
  }

  static constexpr std::string_view digest =
      "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
  std::unique_ptr<store::Store> store_ = store::make_memory_store();
  std::unique_ptr<kernel::Kernel> kernel_{};
  Timestamp now_{1'700'000'000'000ms};
  std::uint64_t seed_{0};
};

TEST_F(S3, BucketsComeAndGo) {
  EXPECT_EQ(call("GetBucketLocation", {}).at("LocationConstraint"), "ap-northeast-1");
  EXPECT_EQ(refused("CreateBucket", {}), "BucketAlreadyOwnedByYou");
  EXPECT_EQ(refused("CreateBucket", {{"Bucket", "Not_Valid"}}), "InvalidBucketName");
  EXPECT_EQ(refused("HeadBucket", {{"Bucket", "absent"}}), "NotFound");
  EXPECT_EQ(refused("ListObjectsV2", {{"Bucket", "absent"}}), "NoSuchBucket");
  put("k");
  EXPECT_EQ(refused("DeleteBucket", {}), "BucketNotEmpty");
  call("DeleteObject", {{"Key", "k"}});
  call("DeleteBucket", {});
  EXPECT_EQ(refused("GetBucketLocation", {}), "NoSuchBucket");
}

TEST_F(S3, AnObjectIsReadAsItWasPut) {
  put("a/b", 5);
  const json::object got = call("GetObject", {{"Key", "a/b"}});
  EXPECT_EQ(got.at("Body"), (json::object{{"Digest", digest}, {"Offset", 0}, {"Size", 5}}));
  EXPECT_EQ(got.at("ContentType"), "text/plain");
  EXPECT_EQ(got.at("Metadata").at("colour"), "red");
  EXPECT_EQ(got.at("ServerSideEncryption"), "AES256");
  EXPECT_FALSE(got.contains("ContentRange"));
  EXPECT_EQ(call("HeadObject", {{"Key", "a/b"}}).at("ContentLength"), 5);
  EXPECT_EQ(refused("GetObject", {{"Key", "a"}}), "NoSuchKey");
  EXPECT_EQ(refused("HeadObject", {{"Key", "a"}}), "NotFound");
}

TEST_F(S3, PartsOfAnObject) {
  put("k", 10);
  const auto range = [&](std::string_view text) {
    const json::object got = call("GetObject", {{"Key", "k"}, {"Range", text}});
    const json::value* header = find(got, "ContentRange");
    return header ? to_string(header->as_string()) : "whole";
  };
  EXPECT_EQ(range("bytes=0-3"), "bytes 0-3/10");
  EXPECT_EQ(range("bytes=4-"), "bytes 4-9/10");
  EXPECT_EQ(range("bytes=-3"), "bytes 7-9/10");
  EXPECT_EQ(range("bytes=8-99"), "bytes 8-9/10");
  EXPECT_EQ(range("bytes=a-b"), "whole");
  EXPECT_EQ(refused("GetObject", {{"Key", "k"}, {"Range", "bytes=10-"}}), "InvalidRange");
}

TEST_F(S3, Conditions) {
  put("k");
  const json::value etag = call("HeadObject", {{"Key", "k"}}).at("ETag");
  EXPECT_EQ(etag, "\"5d41402a\"");
  EXPECT_EQ(refused("GetObject", {{"Key", "k"}, {"IfNoneMatch", etag}}), "NotModified");
  EXPECT_EQ(refused("GetObject", {{"Key", "k"}, {"IfMatch", "\"x\""}}), "PreconditionFailed");
  EXPECT_EQ(refused("GetObject", {{"Key", "k"}, {"IfMatch", etag}}), "");
  EXPECT_EQ(refused("PutObject", {{"Key", "k"}, {"IfNoneMatch", "*"}}), "PreconditionFailed");
  EXPECT_EQ(refused("PutObject", {{"Key", "new"}, {"IfNoneMatch", "*"}}), "");
  EXPECT_EQ(refused("PutObject", {{"Key", "k"}, {"ChecksumSHA256", "AAAA"}}), "BadDigest");
  EXPECT_EQ(refused("PutObject", {{"Key", "k"}, {"SSECustomerAlgorithm", "AES256"}}),
            "NotImplemented");
}

TEST_F(S3, ListsInPagesAndFolders) {
  for (const std::string_view key : {"a", "d/1", "d/2", "d/e/3", "z"}) put(key);
  using Keys = std::vector<std::string>;
  EXPECT_EQ(keys(call("ListObjectsV2", {})), (Keys{"a", "d/1", "d/2", "d/e/3", "z"}));
  EXPECT_EQ(keys(call("ListObjectsV2", {{"Delimiter", "/"}})), (Keys{"a", "z", "d/"}));
  EXPECT_EQ(keys(call("ListObjectsV2", {{"Prefix", "d/"}, {"Delimiter", "/"}})),
            (Keys{"d/1", "d/2", "d/e/"}));
  json::object page = call("ListObjectsV2", {{"MaxKeys", 2}, {"Delimiter", "/"}});
  EXPECT_EQ(keys(page), (Keys{"a", "d/"}));
  EXPECT_EQ(page.at("IsTruncated"), true);
  page = call("ListObjectsV2", {{"MaxKeys", 2},
                                {"Delimiter", "/"},
                                {"ContinuationToken", page.at("NextContinuationToken")}});
  EXPECT_EQ(keys(page), (Keys{"z"}));
  EXPECT_EQ(page.at("IsTruncated"), false);
  EXPECT_EQ(keys(call("ListObjectsV2", {{"Prefix", "d/1"}, {"MaxKeys", 1}})), (Keys{"d/1"}));
  EXPECT_EQ(call("ListObjectVersions", {}).at("Versions").as_array().size(), 5U);
}

TEST_F(S3, NamesAreEncodedWhenAskedFor) {
  put("a b+c");
  EXPECT_EQ(keys(call("ListObjectsV2", {{"EncodingType", "url"}})),
            (std::vector<std::string>{"a%20b%2Bc"}));
}

TEST_F(S3, CopiesAndDeletesMany) {
  put("a b");
  call("CopyObject", {{"Key", "copy"}, {"CopySource", "/assets/a%20b"}});
  EXPECT_EQ(call("GetObject", {{"Key", "copy"}}).at("Metadata").at("colour"), "red");
  EXPECT_EQ(refused("CopyObject", {{"Key", "x"}, {"CopySource", "assets/none"}}), "NoSuchKey");
  const json::object deleted =
      call("DeleteObjects", {{"Delete", {{"Objects", {{{"Key", "a b"}}, {{"Key", "copy"}}}}}}});
  EXPECT_EQ(deleted.at("Deleted").as_array().size(), 2U);
  EXPECT_EQ(refused("HeadObject", {{"Key", "copy"}}), "NotFound");
}

TEST_F(S3, ConfigurationsAreKept) {
  EXPECT_EQ(call("GetBucketEncryption", {})
                .at("ServerSideEncryptionConfiguration")
                .at("Rules")
                .at(0)
                .at("ApplyServerSideEncryptionByDefault")
                .at("SSEAlgorithm"),
            "AES256");
  EXPECT_EQ(refused("GetBucketPolicy", {}), "NoSuchBucketPolicy");
  EXPECT_EQ(refused("PutBucketPolicy", {{"Policy", "no"}}), "MalformedPolicy");
  call("PutBucketPolicy", {{"Policy", R"({"Statement":[]})"}});
  EXPECT_EQ(call("GetBucketPolicy", {}).at("Policy"), R"({"Statement":[]})");
  call("DeleteBucketPolicy", {});
  EXPECT_EQ(refused("GetBucketPolicy", {}), "NoSuchBucketPolicy");
  EXPECT_EQ(call("GetBucketVersioning", {}), json::object{});
  call("PutBucketVersioning", {{"VersioningConfiguration", {{"Status", "Enabled"}}}});
  EXPECT_EQ(call("GetBucketVersioning", {}).at("Status"), "Enabled");
}

}  // namespace
}  // namespace kiban::services::s3
