#include <gtest/gtest.h>

#include "kernel/kernel.h"
#include "services/base/table_service.h"
#include "services/s3/service.h"
#include "store/blobs.h"

namespace kiban::services::s3 {
namespace {

using namespace std::chrono_literals;

class S3 : public testing::Test {
 protected:
  S3() {
    std::vector<std::unique_ptr<Service>> services;
    services.push_back(make_s3());
    kernel_ = std::make_unique<kernel::Kernel>(*store_, std::move(services),
                                               kernel::Options{.blobs = blobs_.get()});
    call("CreateBucket",
         {{"Bucket", "assets"},
          {"CreateBucketConfiguration", {{"LocationConstraint", "ap-northeast-1"}}}});
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
  json::object body(std::string_view bytes) {
    return {{"Digest", blobs_->put(bytes).value()}, {"Size", bytes.size()}};
  }
  // Bytes as a reader gets them, piece by piece.
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
    EXPECT_EQ(static_cast<std::int64_t>(all.size()), number(got, "ContentLength", -1));
    return all;
  }
  json::object put(std::string_view key, std::string_view bytes = "0123456789",
                   json::object more = {}) {
    more["Key"] = key;
    more["Body"] = body(bytes);
    more["ContentType"] = "text/plain";
    more["Metadata"] = {{"colour", "red"}};
    return call("PutObject", std::move(more));
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

  std::unique_ptr<store::Store> store_ = store::make_memory_store();
  std::unique_ptr<store::Blobs> blobs_ = store::make_memory_blobs();
  std::unique_ptr<kernel::Kernel> kernel_{};
  Timestamp now_{1'700'000'000'000ms};
  std::uint64_t seed_{0};
};

TEST_F(S3, BucketsComeAndGo) {
  EXPECT_EQ(call("GetBucketLocation", {}).at("LocationConstraint"), "ap-northeast-1");
  EXPECT_EQ(refused("CreateBucket",
                    {{"CreateBucketConfiguration", {{"LocationConstraint", "ap-northeast-1"}}}}),
            "BucketAlreadyOwnedByYou");
  EXPECT_EQ(refused("HeadBucket", {{"Bucket", "absent"}}), "NotFound");
  EXPECT_EQ(refused("ListObjectsV2", {{"Bucket", "absent"}}), "NoSuchBucket");
  put("k");
  EXPECT_EQ(refused("DeleteBucket", {}), "BucketNotEmpty");
  call("DeleteObject", {{"Key", "k"}});
  call("DeleteBucket", {});
  EXPECT_EQ(refused("GetBucketLocation", {}), "NoSuchBucket");
}

TEST_F(S3, AnObjectIsReadAsItWasPut) {
  put("a/b", "hello");
  EXPECT_EQ(read({{"Key", "a/b"}}), "hello");
  const json::object got = call("GetObject", {{"Key", "a/b"}});
  EXPECT_EQ(got.at("ContentType"), "text/plain");
  EXPECT_EQ(got.at("Metadata").at("colour"), "red");
  EXPECT_EQ(got.at("ServerSideEncryption"), "AES256");
  EXPECT_FALSE(got.contains("ContentRange"));
  EXPECT_EQ(call("HeadObject", {{"Key", "a/b"}}).at("ContentLength"), 5);
  EXPECT_EQ(refused("GetObject", {{"Key", "a"}}), "NoSuchKey");
  EXPECT_EQ(refused("HeadObject", {{"Key", "a"}}), "NotFound");
}

TEST_F(S3, PartsOfAnObject) {
  put("k");
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
  EXPECT_EQ(etag, "\"781e5e245d69b566979b86e28d23f2c7\"");  // md5sum of 0123456789.
  EXPECT_EQ(refused("GetObject", {{"Key", "k"}, {"IfNoneMatch", etag}}), "NotModified");
  EXPECT_EQ(refused("GetObject", {{"Key", "k"}, {"IfMatch", "\"x\""}}), "PreconditionFailed");
  EXPECT_EQ(refused("GetObject", {{"Key", "k"}, {"IfMatch", etag}}), "");
  EXPECT_EQ(refused("PutObject", {{"Key", "k"}, {"IfNoneMatch", "*"}}), "PreconditionFailed");
  EXPECT_EQ(refused("PutObject", {{"Key", "new"}, {"IfNoneMatch", "*"}}), "");
  EXPECT_EQ(refused("PutObject", {{"Key", "none"}, {"IfMatch", etag}}), "NoSuchKey");
  EXPECT_EQ(refused("GetObject", {{"Key", "k"}, {"IfModifiedSince", 1'700'000'000.0}}),
            "NotModified");
  EXPECT_EQ(refused("GetObject", {{"Key", "k"}, {"IfUnmodifiedSince", 1'600'000'000.0}}),
            "PreconditionFailed");
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
  for (const char* operation : {"ListObjects", "ListObjectsV2", "ListObjectVersions"}) {
    EXPECT_EQ(refused(operation, {{"MaxKeys", -1}}), "InvalidArgument");
    EXPECT_EQ(refused(operation, {{"MaxKeys", 2'147'483'648}}), "InvalidArgument");
  }
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

// More keys below a common prefix than one look at the rows reads.
TEST_F(S3, ManyKeysBelowAPrefixAreOneEntry) {
  using Keys = std::vector<std::string>;
  for (int i = 0; i < 40; ++i) put("d/" + std::to_string(i));
  for (const std::string_view key : {"c", "d", "d0", "e/1", "f"}) put(key);
  EXPECT_EQ(keys(call("ListObjectsV2", {{"Delimiter", "/"}})),
            (Keys{"c", "d", "d0", "f", "d/", "e/"}));
  const json::object page = call("ListObjectsV2", {{"Delimiter", "/"}, {"StartAfter", "d/"}});
  EXPECT_EQ(keys(page), (Keys{"d0", "f", "e/"}));
}

TEST_F(S3, NamesAreEncodedWhenAskedFor) {
  put("a b+c");
  EXPECT_EQ(keys(call("ListObjectsV2", {{"EncodingType", "url"}})),
            (std::vector<std::string>{"a%20b%2Bc"}));
}

TEST_F(S3, Copies) {
  put("a b", "hello", {{"ChecksumAlgorithm", "SHA256"}});
  const json::object copied =
      call("CopyObject", {{"Key", "copy"}, {"CopySource", "/assets/a%20b"}});
  EXPECT_EQ(copied.at("CopyObjectResult").at("ChecksumSHA256"),
            "LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=");  // sha256sum of hello, base64.
  EXPECT_EQ(read({{"Key", "copy"}}), "hello");
  EXPECT_EQ(call("GetObject", {{"Key", "copy"}}).at("Metadata").at("colour"), "red");
  call("CopyObject", {{"Key", "other"},
                      {"CopySource", "assets/a%20b"},
                      {"MetadataDirective", "REPLACE"},
                      {"ContentType", "text/html"}});
  const json::object other = call("HeadObject", {{"Key", "other"}});
  EXPECT_EQ(other.at("ContentType"), "text/html");
  EXPECT_EQ(other.at("Metadata"), json::object{});
  EXPECT_EQ(refused("CopyObject", {{"Key", "x"}, {"CopySource", "assets/none"}}), "NoSuchKey");
  EXPECT_EQ(refused("CopyObject", {{"Key", "a b"}, {"CopySource", "assets/a%20b"}}),
            "InvalidRequest");
  EXPECT_EQ(refused("CopyObject",
                    {{"Key", "x"}, {"CopySource", "assets/a%20b"}, {"CopySourceIfMatch", "no"}}),
            "PreconditionFailed");
}

TEST_F(S3, DeletesMany) {
  put("a");
  put("b");
  const json::object deleted =
      call("DeleteObjects", {{"Delete", {{"Objects", {{{"Key", "a"}}, {{"Key", "none"}}}}}}});
  EXPECT_EQ(deleted.at("Deleted").as_array().size(), 2U);
  EXPECT_EQ(call("DeleteObjects", {{"Delete", {{"Objects", {{{"Key", "b"}}}}, {"Quiet", true}}}}),
            json::object{});
  EXPECT_EQ(refused("HeadObject", {{"Key", "b"}}), "NotFound");
  EXPECT_EQ(refused("DeleteObjects", {{"Delete", {{"Objects", json::array()}}}}), "MalformedXML");
}

TEST_F(S3, ChecksumsAreCheckedAndKept) {
  const json::object given = put("k", "123456789", {{"ChecksumCRC32", "y/Q5Jg=="}});
  EXPECT_EQ(given.at("ChecksumCRC32"), "y/Q5Jg==");
  EXPECT_EQ(given.at("ChecksumType"), "FULL_OBJECT");
  EXPECT_EQ(put("none", "123456789").at("ChecksumCRC64NVME"), "rosUhgp5mIg=");
  const json::object read = call("GetObject", {{"Key", "k"}, {"ChecksumMode", "ENABLED"}});
  EXPECT_EQ(read.at("ChecksumCRC32"), "y/Q5Jg==");
  EXPECT_FALSE(call("GetObject", {{"Key", "k"}}).contains("ChecksumCRC32"));
  EXPECT_FALSE(
      call("GetObject", {{"Key", "k"}, {"ChecksumMode", "ENABLED"}, {"Range", "bytes=0-1"}})
          .contains("ChecksumCRC32"));
  EXPECT_EQ(call("ListObjectsV2", {}).at("Contents").at(0).at("ChecksumAlgorithm").at(0), "CRC32");
  const auto wrong = [&](std::string_view member, std::string_view value) {
    return refused("PutObject", {{"Key", "k"}, {"Body", body("x")}, {member, value}});
  };
  EXPECT_EQ(wrong("ChecksumCRC32", "AAAAAA=="), "BadDigest");
  EXPECT_EQ(wrong("ChecksumCRC32", "AAAA"), "InvalidRequest");
  EXPECT_EQ(wrong("ChecksumXXHASH64", "AAAA"), "NotImplemented");
  EXPECT_EQ(wrong("ContentMD5", "rL0Y20zC+Fzt72VPzMSk2A=="), "BadDigest");
  EXPECT_EQ(wrong("ContentMD5", "AAAA"), "InvalidDigest");
  EXPECT_EQ(refused("PutObject", {{"Key", "k"},
                                  {"Body", body("x")},
                                  {"ChecksumSHA1", "AAAA"},
                                  {"ChecksumCRC32", "AAAAAA=="}}),
            "InvalidRequest");
}

TEST_F(S3, WhatIsNotHonouredIsRefusedByName) {
  EXPECT_EQ(refused("PutObject", {{"Key", "k"}, {"SSECustomerAlgorithm", "AES256"}}),
            "NotImplemented");
  EXPECT_EQ(refused("PutObject", {{"Key", "k"}, {"ACL", "public-read"}}),
            "AccessControlListNotSupported");
  EXPECT_EQ(refused("HeadBucket", {{"ExpectedBucketOwner", "111111111111"}}), "AccessDenied");
  EXPECT_EQ(refused("CreateBucket", {{"Bucket", "b-1"}, {"ObjectLockEnabledForBucket", true}}),
            "NotImplemented");
}

TEST_F(S3, Tags) {
  put("k", "x", {{"Tagging", "a=1&b%20c=d+e"}});
  EXPECT_EQ(call("GetObjectTagging", {{"Key", "k"}}).at("TagSet").at(1),
            (json::object{{"Key", "b c"}, {"Value", "d e"}}));
  EXPECT_EQ(call("HeadObject", {{"Key", "k"}}).at("TagCount"), 2);
  call("PutObjectTagging",
       {{"Key", "k"}, {"Tagging", {{"TagSet", {{{"Key", "z"}, {"Value", "9"}}}}}}});
  call("CopyObject", {{"Key", "copy"}, {"CopySource", "assets/k"}});
  EXPECT_EQ(call("GetObjectTagging", {{"Key", "copy"}}).at("TagSet").at(0).at("Key"), "z");
  call("DeleteObjectTagging", {{"Key", "k"}});
  EXPECT_EQ(call("GetObjectTagging", {{"Key", "k"}}).at("TagSet"), json::array());
  EXPECT_EQ(refused("PutObject", {{"Key", "k"}, {"Tagging", "a=1&a=2"}}), "InvalidArgument");
  EXPECT_EQ(refused("GetObjectTagging", {{"Key", "none"}}), "NoSuchKey");
}

// https://docs.aws.amazon.com/AmazonS3/latest/userguide/versioning-workflows.html
TEST_F(S3, VersionsAreKeptWhenEnabled) {
  put("k", "before");
  call("PutBucketVersioning", {{"VersioningConfiguration", {{"Status", "Enabled"}}}});
  const std::string first = text(put("k", "first"), "VersionId");
  const std::string second = text(put("k", "second"), "VersionId");
  EXPECT_EQ(read({{"Key", "k"}}), "second");
  EXPECT_EQ(read({{"Key", "k"}, {"VersionId", first}}), "first");
  EXPECT_EQ(read({{"Key", "k"}, {"VersionId", "null"}}), "before");
  EXPECT_EQ(refused("GetObject", {{"Key", "k"}, {"VersionId", "x"}}), "NoSuchVersion");

  const json::object deleted = call("DeleteObject", {{"Key", "k"}});
  EXPECT_EQ(deleted.at("DeleteMarker"), true);
  const std::string marker = text(deleted, "VersionId");
  EXPECT_EQ(refused("GetObject", {{"Key", "k"}}), "NoSuchKey");
  EXPECT_EQ(refused("GetObject", {{"Key", "k"}, {"VersionId", marker}}), "MethodNotAllowed");
  EXPECT_TRUE(keys(call("ListObjectsV2", {})).empty());
  const json::object all = call("ListObjectVersions", {});
  EXPECT_EQ(all.at("Versions").as_array().size(), 3U);
  EXPECT_EQ(text(all.at("Versions").at(0).as_object(), "VersionId"), second);
  EXPECT_EQ(all.at("Versions").at(0).at("IsLatest"), false);
  EXPECT_EQ(all.at("DeleteMarkers").at(0).at("IsLatest"), true);
  EXPECT_EQ(refused("DeleteBucket", {}), "BucketNotEmpty");

  // Without its delete marker the object is back; without its newest version, the one before.
  call("DeleteObject", {{"Key", "k"}, {"VersionId", marker}});
  EXPECT_EQ(read({{"Key", "k"}}), "second");
  call("DeleteObject", {{"Key", "k"}, {"VersionId", second}});
  EXPECT_EQ(read({{"Key", "k"}}), "first");
  call("DeleteObject", {{"Key", "k"}, {"VersionId", first}});
  call("DeleteObject", {{"Key", "k"}, {"VersionId", "null"}});
  EXPECT_EQ(refused("GetObject", {{"Key", "k"}}), "NoSuchKey");
  call("DeleteBucket", {});
}

TEST_F(S3, SuspendedVersioningHasOneNullVersion) {
  call("PutBucketVersioning", {{"VersioningConfiguration", {{"Status", "Enabled"}}}});
  const std::string first = text(put("k", "first"), "VersionId");
  call("PutBucketVersioning", {{"VersioningConfiguration", {{"Status", "Suspended"}}}});
  put("k", "a");
  put("k", "b");
  EXPECT_EQ(call("ListObjectVersions", {}).at("Versions").as_array().size(), 2U);
  call("DeleteObject", {{"Key", "k"}});
  const json::object all = call("ListObjectVersions", {});
  EXPECT_EQ(all.at("Versions").as_array().size(), 1U);
  EXPECT_EQ(all.at("DeleteMarkers").at(0).at("VersionId"), "null");
  EXPECT_EQ(read({{"Key", "k"}, {"VersionId", first}}), "first");
}

TEST_F(S3, VersionsComeInPages) {
  call("PutBucketVersioning", {{"VersioningConfiguration", {{"Status", "Enabled"}}}});
  for (const std::string_view key : {"a", "a", "b", "d/1", "d/2", "z"}) put(key);
  json::object input{{"MaxKeys", 1}, {"Delimiter", "/"}};
  std::vector<std::string> seen;
  for (int page = 0; page < 10; ++page) {
    const json::object got = call("ListObjectVersions", input);
    if (const json::array* versions = find_array(got, "Versions"))
      seen.push_back(text(versions->at(0).as_object(), "Key"));
    if (const json::array* prefixes = find_array(got, "CommonPrefixes"))
      seen.push_back(text(prefixes->at(0).as_object(), "Prefix"));
    if (!flag(got, "IsTruncated")) break;
    input["KeyMarker"] = got.at("NextKeyMarker");
    input.erase("VersionIdMarker");
    if (got.contains("NextVersionIdMarker"))
      input["VersionIdMarker"] = got.at("NextVersionIdMarker");
  }
  EXPECT_EQ(seen, (std::vector<std::string>{"a", "a", "b", "d/", "z"}));
}

TEST_F(S3, WhatAnObjectMayNotBeMadeWith) {
  const auto refused_with = [&](json::object more) {
    more["Key"] = "k";
    more["Body"] = body("x");
    return refused("PutObject", std::move(more));
  };
  EXPECT_EQ(refused_with({{"Metadata", {{"a", std::string(2'048, 'b')}}}}), "MetadataTooLarge");
  EXPECT_EQ(refused_with({{"Metadata", {{"a", "b\nc"}}}}), "InvalidArgument");
  EXPECT_EQ(refused_with({{"Metadata", {{"a: b", "c"}}}}), "InvalidArgument");
  EXPECT_EQ(refused_with({{"ContentDisposition", "b\r\nc"}}), "InvalidArgument");
  EXPECT_EQ(refused_with({{"WebsiteRedirectLocation", "elsewhere"}}), "InvalidRedirectLocation");
  EXPECT_EQ(refused_with({{"SSEKMSKeyId", "k"}}), "InvalidArgument");
  EXPECT_EQ(refused_with({{"StorageClass", "OUTPOSTS"}}), "InvalidStorageClass");
  EXPECT_EQ(refused_with({{"Tagging", "a=%FF"}}), "InvalidArgument");
  EXPECT_EQ(refused_with({{"Tagging", "a=1&a=2"}}), "InvalidArgument");
  EXPECT_EQ(refused_with({{"Tagging", "aws:a=1"}}), "InvalidTag");
  EXPECT_EQ(refused_with({{"IfNoneMatch", "\"e\""}}), "NotImplemented");
}

TEST_F(S3, ArchivedObjectsAreNotRead) {
  put("cold", "x", {{"StorageClass", "GLACIER"}});
  EXPECT_EQ(refused("GetObject", {{"Key", "cold"}}), "InvalidObjectState");
  EXPECT_EQ(refused("CopyObject", {{"Key", "b"}, {"CopySource", "assets/cold"}}),
            "ObjectNotInActiveTierError");
  EXPECT_EQ(call("HeadObject", {{"Key", "cold"}}).at("StorageClass"), "GLACIER");
}

TEST_F(S3, DeletesUnderACondition) {
  const std::string etag = text(put("k"), "ETag");
  EXPECT_EQ(refused("DeleteObject", {{"Key", "k"}, {"IfMatch", "\"other\""}}),
            "PreconditionFailed");
  const json::object out = call(
      "DeleteObjects",
      {{"Delete",
        {{"Objects", {{{"Key", "k"}, {"ETag", "other"}}, {{"Key", "none"}, {"ETag", etag}}}}}}});
  EXPECT_EQ(out.at("Errors").at(0).at("Code"), "PreconditionFailed");
  EXPECT_EQ(out.at("Errors").at(1).at("Code"), "NoSuchKey");
  call("DeleteObject", {{"Key", "k"}, {"IfMatch", etag}});
}

TEST_F(S3, NoKeysAskedForAreNoneTruncated) {
  put("a");
  const json::object none = call("ListObjectsV2", {{"MaxKeys", 0}});
  EXPECT_EQ(none.at("IsTruncated"), false);
  EXPECT_EQ(none.at("KeyCount"), 0);
  EXPECT_EQ(refused("ListObjectVersions", {{"VersionIdMarker", "v"}}), "InvalidArgument");
}

TEST_F(S3, TheBucketsEncryptionIsTheObjects) {
  const json::object rule{{"ApplyServerSideEncryptionByDefault",
                           {{"SSEAlgorithm", "aws:kms"}, {"KMSMasterKeyID", "k"}}}};
  call("PutBucketEncryption",
       {{"ServerSideEncryptionConfiguration", {{"Rules", json::array{rule}}}}});
  EXPECT_EQ(put("a").at("ServerSideEncryption"), "aws:kms");
  EXPECT_EQ(call("HeadObject", {{"Key", "a"}}).at("SSEKMSKeyId"), "k");
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
  constexpr std::string_view policy =
      R"({"Statement":{"Effect":"Deny","Principal":"*","Action":"s3:*","Resource":"arn:aws:s3:::assets"}})";
  call("PutBucketPolicy", {{"Policy", policy}});
  EXPECT_EQ(text(call("GetBucketPolicy", {}), "Policy"), policy);
  call("DeleteBucketPolicy", {});
  EXPECT_EQ(refused("GetBucketPolicy", {}), "NoSuchBucketPolicy");
  EXPECT_EQ(call("GetBucketVersioning", {}), json::object{});
  call("PutBucketVersioning", {{"VersioningConfiguration", {{"Status", "Enabled"}}}});
  EXPECT_EQ(call("GetBucketVersioning", {}).at("Status"), "Enabled");
}

}  // namespace
}  // namespace kiban::services::s3
