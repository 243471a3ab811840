#include <gmock/gmock.h>

#include "services/base/table_service.h"
#include "services/s3/service.h"
#include "store/blobs.h"
#include "testing/service_fixture.h"

namespace kiban::services::s3 {
namespace {

class Configurations : public ServiceTest {
 protected:
  explicit Configurations(std::unique_ptr<store::Blobs> blobs = store::make_memory_blobs())
      : ServiceTest("s3", {make_s3}, {.blobs = blobs.get()}), blobs_(std::move(blobs)) {
    create("b-1");
  }
  void create(std::string_view name, json::object more = {}) {
    more["Bucket"] = name;
    more["CreateBucketConfiguration"] = {{"LocationConstraint", "ap-northeast-1"}};
    call("CreateBucket", std::move(more));
  }
  json::object get(const std::string& operation, json::object more = {}) {
    return call(operation, with_bucket(std::move(more)));
  }
  void put(const std::string& operation, json::object input) {
    call(operation, with_bucket(std::move(input)));
  }
  Error error(const std::string& operation, json::object input = {}) {
    return refusal(operation, with_bucket(std::move(input)));
  }
  static json::object with_bucket(json::object input) {
    if (!input.contains("Bucket")) input["Bucket"] = "b-1";
    return input;
  }
  static json::object policy(std::string_view statement) {
    return {{"Policy", R"({"Version":"2012-10-17","Statement":[)" + std::string(statement) + "]}"}};
  }

  std::unique_ptr<store::Blobs> blobs_;
};

TEST_F(Configurations, WhatABucketWithoutAnyAnswers) {
  const std::pair<std::string_view, std::string_view> absent[] = {
      {"GetBucketCors", "NoSuchCORSConfiguration"},
      {"GetBucketWebsite", "NoSuchWebsiteConfiguration"},
      {"GetBucketReplication", "ReplicationConfigurationNotFoundError"},
      {"GetObjectLockConfiguration", "ObjectLockConfigurationNotFoundError"},
      {"GetBucketLifecycleConfiguration", "NoSuchLifecycleConfiguration"},
      {"GetBucketPolicy", "NoSuchBucketPolicy"},
      {"GetBucketPolicyStatus", "NoSuchBucketPolicy"},
      {"GetBucketTagging", "NoSuchTagSet"},
  };
  for (const auto& [operation, name] : absent)
    EXPECT_EQ(error(std::string(operation)).name, name) << operation;
  for (const std::string_view operation :
       {"GetBucketLogging", "GetBucketVersioning", "GetBucketAccelerateConfiguration",
        "GetBucketNotificationConfiguration"})
    EXPECT_EQ(get(std::string(operation)), json::object{}) << operation;
  EXPECT_EQ(get("GetBucketRequestPayment").at("Payer"), "BucketOwner");
  EXPECT_EQ(get("GetBucketAcl").at("Grants").at(0).at("Permission"), "FULL_CONTROL");
  EXPECT_EQ(get("GetBucketOwnershipControls")
                .at("OwnershipControls")
                .at("Rules")
                .at(0)
                .at("ObjectOwnership"),
            "BucketOwnerEnforced");
  EXPECT_EQ(get("GetPublicAccessBlock").at("PublicAccessBlockConfiguration").at("BlockPublicAcls"),
            true);
  EXPECT_EQ(error("GetBucketMetricsConfiguration", {{"Id", "m"}}).name, "NoSuchConfiguration");
  EXPECT_EQ(get("ListBucketInventoryConfigurations"), (json::object{{"IsTruncated", false}}));
}

TEST_F(Configurations, CorsRules) {
  const auto rules = [](json::object rule) {
    return json::object{{"CORSConfiguration", {{"CORSRules", json::array{std::move(rule)}}}}};
  };
  put("PutBucketCors",
      rules({{"AllowedMethods", {"GET"}}, {"AllowedOrigins", {"https://*.example.com"}}}));
  EXPECT_EQ(get("GetBucketCors").at("CORSRules").at(0).at("AllowedMethods").at(0), "GET");
  const auto cause = [&](json::object rule) {
    return error("PutBucketCors", rules(std::move(rule))).cause;
  };
  EXPECT_EQ(cause({{"AllowedMethods", {"PATCH"}}, {"AllowedOrigins", {"*"}}}),
            "Found unsupported HTTP method in CORS config. Unsupported method is PATCH");
  EXPECT_THAT(cause({{"AllowedMethods", {"GET"}}, {"AllowedOrigins", {"http://*.*"}}}),
              testing::HasSubstr("more than one wildcard"));
  EXPECT_THAT(
      cause({{"AllowedMethods", {"GET"}}, {"AllowedOrigins", {"*"}}, {"ExposeHeaders", {"x-*"}}}),
      testing::HasSubstr("wildcard for ExposeHeader"));
  EXPECT_EQ(
      error("PutBucketCors",
            rules({{"AllowedMethods", {"GET"}}, {"AllowedOrigins", {"*"}}, {"MaxAgeSeconds", -1}}))
          .name,
      "MalformedXML");
  put("DeleteBucketCors", {});
  EXPECT_EQ(error("GetBucketCors").name, "NoSuchCORSConfiguration");
}

TEST_F(Configurations, Websites) {
  const auto cause = [&](json::object website) {
    return error("PutBucketWebsite", {{"WebsiteConfiguration", std::move(website)}}).cause;
  };
  EXPECT_THAT(cause({}), testing::HasSubstr("IndexDocument Suffix must be provided"));
  EXPECT_EQ(cause({{"IndexDocument", {{"Suffix", "a/b"}}}}),
            "The IndexDocument Suffix is not well formed");
  EXPECT_THAT(
      cause({{"IndexDocument", {{"Suffix", "i"}}}, {"RedirectAllRequestsTo", {{"HostName", "h"}}}}),
      testing::HasSubstr("cannot be provided in conjunction"));
  put("PutBucketWebsite", {{"WebsiteConfiguration", {{"IndexDocument", {{"Suffix", "i"}}}}}});
  EXPECT_EQ(get("GetBucketWebsite").at("IndexDocument").at("Suffix"), "i");
}

TEST_F(Configurations, RoutingRulesOfWebsites) {
  const auto website = [](json::object rule) {
    return json::object{
        {"WebsiteConfiguration",
         {{"IndexDocument", {{"Suffix", "i"}}}, {"RoutingRules", json::array{std::move(rule)}}}}};
  };
  const auto name = [&](json::object rule) {
    return error("PutBucketWebsite", website(std::move(rule))).name;
  };
  const json::object redirect{{"HostName", "h"}};
  EXPECT_EQ(name({{"Redirect", json::object{}}}), "MalformedXML");
  EXPECT_EQ(name({{"Redirect", redirect}, {"Condition", json::object{}}}), "MalformedXML");
  for (const std::string_view code : {"200", "300", "999", "30", "3xx", ""})
    EXPECT_EQ(name({{"Redirect", {{"HttpRedirectCode", code}}}}), "InvalidRequest") << code;
  for (const std::string_view code : {"999", "200", "4040"})
    EXPECT_EQ(
        name({{"Redirect", redirect}, {"Condition", {{"HttpErrorCodeReturnedEquals", code}}}}),
        "InvalidRequest")
        << code;
  put("PutBucketWebsite", website({{"Redirect", {{"HttpRedirectCode", "302"}}},
                                   {"Condition", {{"HttpErrorCodeReturnedEquals", "404"}}}}));
}

TEST_F(Configurations, AclsAreSwitchedOffUnlessOwnershipAsksForThem) {
  EXPECT_EQ(error("PutBucketAcl", {{"ACL", "private"}}).name, "AccessControlListNotSupported");
  EXPECT_EQ(error("PutObject", {{"Key", "k"}, {"ACL", "public-read"}}).name,
            "AccessControlListNotSupported");
  put("PutObject", {{"Key", "k"}, {"ACL", "bucket-owner-full-control"}});
  const json::object rule{{"ObjectOwnership", "ObjectWriter"}};
  put("PutBucketOwnershipControls", {{"OwnershipControls", {{"Rules", json::array{rule}}}}});
  EXPECT_EQ(error("PutBucketAcl", {{"ACL", "public-read"}}).name, "AccessDenied");
  put("PutPublicAccessBlock", {{"PublicAccessBlockConfiguration", {{"IgnorePublicAcls", true}}}});
  put("PutBucketAcl", {{"ACL", "public-read"}});
  EXPECT_EQ(get("GetBucketAcl").at("Grants").at(1).at("Permission"), "READ");
  put("PutObject", {{"Key", "k"}, {"ACL", "public-read"}});
  EXPECT_EQ(get("GetObjectAcl", {{"Key", "k"}}).at("Grants").as_array().size(), 2U);
  const json::object enforced{{"ObjectOwnership", "BucketOwnerEnforced"}};
  EXPECT_EQ(error("PutBucketOwnershipControls",
                  {{"OwnershipControls", {{"Rules", json::array{enforced}}}}})
                .name,
            "InvalidBucketAclWithObjectOwnership");
  put("DeleteBucketOwnershipControls", {});
  EXPECT_EQ(error("GetBucketOwnershipControls").name, "OwnershipControlsNotFoundError");
}

TEST_F(Configurations, PublicPoliciesAreBlocked) {
  constexpr std::string_view open =
      R"({"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::b-1/*"})";
  constexpr std::string_view bound =
      R"({"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::b-1/*",)"
      R"("Condition":{"StringEquals":{"aws:SourceVpce":"vpce-1"}}})";
  EXPECT_EQ(error("PutBucketPolicy", policy(open)).name, "AccessDenied");
  put("PutBucketPolicy", policy(bound));
  EXPECT_EQ(get("GetBucketPolicyStatus").at("PolicyStatus").at("IsPublic"), false);
  put("DeletePublicAccessBlock", {});
  put("PutBucketPolicy", policy(open));
  EXPECT_EQ(get("GetBucketPolicyStatus").at("PolicyStatus").at("IsPublic"), true);
  EXPECT_EQ(error("GetPublicAccessBlock").name, "NoSuchPublicAccessBlockConfiguration");
}

TEST_F(Configurations, MalformedPolicies) {
  const auto cause = [&](std::string_view statement) {
    return error("PutBucketPolicy", policy(statement)).cause;
  };
  EXPECT_EQ(cause(R"({"Effect":"deny","Principal":"*","Action":"s3:*","Resource":"*"})"),
            "Invalid effect: deny");
  EXPECT_EQ(cause(R"({"Effect":"Deny","Action":"s3:*","Resource":"*"})"),
            "Missing required field Principal");
  EXPECT_EQ(cause(R"({"Effect":"Deny","Principal":"*","Action":"s3:*"})"),
            "Missing required field Resource");
  EXPECT_EQ(
      cause(R"({"Effect":"Deny","Principal":"*","Action":"s3:*","Resource":"arn:aws:s3:::other"})"),
      "Policy has invalid resource");
  EXPECT_EQ(cause(R"({"Effect":"Deny","Principal":"*","Action":"sqs:*","Resource":"*"})"),
            "Policy has invalid action");
  EXPECT_EQ(cause(R"({"Effect":"Deny","Principal":{"AWS":"me"},"Action":"s3:*","Resource":"*"})"),
            R"(Invalid principal in policy: "AWS":"me")");
}

TEST_F(Configurations, LifecycleRules) {
  const auto rules = [](json::object rule) {
    rule["Status"] = "Enabled";
    if (!rule.contains("Filter")) rule["Filter"] = {{"Prefix", ""}};
    return json::object{{"LifecycleConfiguration", {{"Rules", json::array{std::move(rule)}}}}};
  };
  const auto refused = [&](json::object rule) {
    return error("PutBucketLifecycleConfiguration", rules(std::move(rule))).name;
  };
  EXPECT_EQ(refused({}), "InvalidRequest");
  EXPECT_EQ(refused({{"Expiration", {{"Days", 0}}}}), "InvalidArgument");
  EXPECT_EQ(refused({{"Expiration", {{"Days", 1}, {"ExpiredObjectDeleteMarker", true}}}}),
            "MalformedXML");
  EXPECT_EQ(refused({{"Expiration", {{"Date", 1'700'000'001.0}}}}), "InvalidArgument");
  EXPECT_EQ(refused({{"Expiration", {{"Days", 1}}}, {"Prefix", ""}}), "MalformedXML");
  const json::array early{{{"Days", 10}, {"StorageClass", "STANDARD_IA"}}};
  EXPECT_EQ(refused({{"Transitions", early}}), "InvalidArgument");
  const json::array unknown{{{"Days", 40}, {"StorageClass", "COLD"}}};
  EXPECT_EQ(refused({{"Transitions", unknown}}), "MalformedXML");
  put("PutBucketLifecycleConfiguration", rules({{"Expiration", {{"Days", 1}}}}));
  const json::object kept = get("GetBucketLifecycleConfiguration");
  EXPECT_FALSE(text(kept.at("Rules").at(0).as_object(), "ID").empty());
  EXPECT_EQ(kept.at("TransitionDefaultMinimumObjectSize"), "all_storage_classes_128K");
}

TEST_F(Configurations, WhatIsNotServedIsRefusedAndNamed) {
  put("PutBucketVersioning", {{"VersioningConfiguration", {{"Status", "Enabled"}}}});
  const json::object rule{{"Status", "Enabled"}, {"Destination", {{"Bucket", "arn:aws:s3:::b"}}}};
  EXPECT_THAT(
      error("PutBucketReplication",
            {{"ReplicationConfiguration",
              {{"Role", "arn:aws:iam::000000000000:role/r"}, {"Rules", json::array{rule}}}}})
          .cause,
      testing::HasSubstr("ReplicationConfiguration"));
  EXPECT_EQ(error("PutObjectLockConfiguration", {}).name, "NotImplemented");
  put("PutObject", {{"Key", "k"}});
  EXPECT_EQ(error("GetObjectRetention", {{"Key", "k"}}).cause,
            "Bucket is missing Object Lock Configuration");
}

TEST_F(Configurations, ValuesOutsideOfAnEnumeration) {
  EXPECT_EQ(error("PutObject", {{"Key", "k"}, {"StorageClass", "COLD"}}).name,
            "InvalidStorageClass");
  EXPECT_EQ(error("PutBucketVersioning", {{"VersioningConfiguration", {{"Status", "On"}}}}).name,
            "MalformedXML");
  EXPECT_EQ(error("ListObjectsV2", {{"EncodingType", "gzip"}}).cause,
            "Invalid Encoding Method specified in Request");
}

TEST_F(Configurations, ABucketIsMadeWhereTheEndpointIs) {
  EXPECT_EQ(error("CreateBucket", {{"Bucket", "other"}}).name,
            "IllegalLocationConstraintException");
  EXPECT_EQ(
      error("CreateBucket", {{"Bucket", "other"},
                             {"CreateBucketConfiguration", {{"LocationConstraint", "eu-west-1"}}}})
          .name,
      "IllegalLocationConstraintException");
  EXPECT_EQ(
      error("CreateBucket", {{"Bucket", "other"},
                             {"CreateBucketConfiguration", {{"LocationConstraint", "atlantis"}}}})
          .name,
      "InvalidLocationConstraint");
}

TEST_F(Configurations, OneBucketLogsIntoAnother) {
  const auto target = [](std::string_view name) {
    return json::object{{"BucketLoggingStatus",
                         {{"LoggingEnabled", {{"TargetBucket", name}, {"TargetPrefix", "l/"}}}}}};
  };
  EXPECT_EQ(error("PutBucketLogging", target("absent")).name, "InvalidTargetBucketForLogging");
  create("logs");
  put("PutBucketLogging", target("logs"));
  EXPECT_EQ(get("GetBucketLogging").at("LoggingEnabled").at("TargetPrefix"), "l/");
  put("PutBucketLogging", {{"BucketLoggingStatus", json::object{}}});
  EXPECT_EQ(get("GetBucketLogging"), json::object{});
}

TEST_F(Configurations, NumberedOnesAreListed) {
  put("PutBucketMetricsConfiguration", {{"Id", "m"}, {"MetricsConfiguration", {{"Id", "m"}}}});
  EXPECT_EQ(get("ListBucketMetricsConfigurations").at("MetricsConfigurationList").at(0).at("Id"),
            "m");
  EXPECT_EQ(
      error("PutBucketMetricsConfiguration", {{"Id", "m"}, {"MetricsConfiguration", {{"Id", "n"}}}})
          .name,
      "InvalidArgument");
  put("DeleteBucketMetricsConfiguration", {{"Id", "m"}});
  EXPECT_EQ(error("DeleteBucketMetricsConfiguration", {{"Id", "m"}}).name, "NoSuchConfiguration");
}

TEST_F(Configurations, NumberedOnesAreChecked) {
  EXPECT_EQ(error("PutBucketMetricsConfiguration",
                  {{"Id", "i x/"}, {"MetricsConfiguration", {{"Id", "i x/"}}}})
                .name,
            "InvalidArgument");
  const auto inventory = [](std::string_view bucket) {
    return json::object{
        {"Id", "i"},
        {"InventoryConfiguration",
         {{"Id", "i"},
          {"IsEnabled", true},
          {"IncludedObjectVersions", "All"},
          {"Schedule", {{"Frequency", "Daily"}}},
          {"Destination", {{"S3BucketDestination", {{"Bucket", bucket}, {"Format", "CSV"}}}}}}}};
  };
  for (const std::string_view bucket : {"not-an-arn", "arn:aws:sqs:::b", "arn:aws:s3:::", "b-1"})
    EXPECT_EQ(error("PutBucketInventoryConfiguration", inventory(bucket)).name,
              "InvalidS3DestinationBucket")
        << bucket;
  put("PutBucketInventoryConfiguration", inventory("arn:aws:s3:::b-1"));
}

TEST_F(Configurations, TiersOfIntelligentTiering) {
  const auto name = [&](json::array tiers) {
    return error("PutBucketIntelligentTieringConfiguration",
                 {{"Id", "t"},
                  {"IntelligentTieringConfiguration",
                   {{"Id", "t"}, {"Status", "Enabled"}, {"Tierings", std::move(tiers)}}}})
        .name;
  };
  const auto tier = [](std::string_view tier_name, int days) {
    return json::object{{"AccessTier", tier_name}, {"Days", days}};
  };
  EXPECT_EQ(name({tier("ARCHIVE_ACCESS", 90), tier("ARCHIVE_ACCESS", 91)}), "MalformedXML");
  EXPECT_EQ(name({tier("ARCHIVE_ACCESS", 200), tier("DEEP_ARCHIVE_ACCESS", 180)}),
            "InvalidArgument");
}

}  // namespace
}  // namespace kiban::services::s3
