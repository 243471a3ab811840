// Buckets and their configurations.
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "api/sigv4.h"
#include "services/base/policy.h"
#include "services/base/tags.h"
#include "services/s3/configurations.h"
#include "services/s3/rows.h"

namespace kiban::services::s3 {
namespace {

// https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketTagging.html
Result<void> check_bucket_tags(const json::array& tags) {
  std::set<std::string> keys;
  if (too_many_tags(tags)) return fail("BadRequest", "Bucket tags cannot be greater than 50");
  for (const json::value& tag : tags) {
    const std::string key = text(tag.as_object(), "Key");
    if (key.empty()) return fail("InvalidTag", "The TagKey you have provided is invalid");
    if (!keys.insert(key).second)
      return fail("InvalidTag", "Cannot provide multiple Tags with the same key");
  }
  return {};
}

// Where the bucket is to be: CreateBucketConfiguration's LocationConstraint, without one us-east-1.
// https://docs.aws.amazon.com/AmazonS3/latest/API/API_CreateBucket.html
Result<std::string> location_of(const Context& context, const json::object& input) {
  const std::string& here = context.caller().region;
  const json::object* configuration = find_object(input, "CreateBucketConfiguration");
  for (const std::string_view member : {"Location", "Bucket"})
    if (configuration && configuration->contains(member))
      return fail("NotImplemented",
                  fmt::format("kiban does not support {} of s3:CreateBucket", member));
  const std::string wanted =
      configuration ? text(*configuration, "LocationConstraint") : std::string();
  if (wanted == here && here != "us-east-1") return wanted;
  if (wanted.empty() && here == "us-east-1") return here;
  // The region of eu-west-1's first name.
  if (wanted == "EU" && (here == "eu-west-1" || here == "us-east-1")) return "eu-west-1";
  if (wanted.empty())
    return fail("IllegalLocationConstraintException",
                "The unspecified location constraint is incompatible for the region specific "
                "endpoint this request was sent to.");
  if (wanted == "us-east-1" || (!api::is_region(wanted)))
    return fail("InvalidLocationConstraint", "The specified location-constraint is not valid");
  if (here == "us-east-1") return wanted;  // Whose endpoint makes buckets everywhere.
  return fail("IllegalLocationConstraintException",
              fmt::format("The {} location constraint is incompatible for the region specific "
                          "endpoint this request was sent to.",
                          wanted));
}

// A bucket that is there already is the caller's: there is one account.
Result<json::object> create_again(const Context& context, const json::object& bucket) {
  // Only in us-east-1, as S3 has done since its beginning: API_CreateBucket.html
  if (context.caller().region == "us-east-1" && text(bucket, "Region") == "us-east-1")
    return json::object{{"Location", "/" + text(bucket, "Name")}};
  return fail("BucketAlreadyOwnedByYou",
              "Your previous request to create the named bucket succeeded and you already own it.");
}

Result<json::object> create_bucket(Context& context, const json::object& input) {
  const std::string name = text(input, "Bucket");
  if (flag(input, "ObjectLockEnabledForBucket"))
    return fail("NotImplemented",
                "kiban does not support ObjectLockEnabledForBucket of s3:CreateBucket");
  KIBAN_TRY(const std::string region, location_of(context, input));
  if (const auto old = get_json(context, bucket_key(name))) return create_again(context, *old);
  // As of 2023 every new bucket blocks public access and has its ACLs switched off.
  // https://docs.aws.amazon.com/AmazonS3/latest/userguide/create-bucket-faq.html
  json::object bucket{{"Name", name},
                      {"CreationDate", epoch_seconds(context.now())},
                      {"Region", region},
                      {"PublicAccessBlockConfiguration",
                       {{"BlockPublicAcls", true},
                        {"IgnorePublicAcls", true},
                        {"BlockPublicPolicy", true},
                        {"RestrictPublicBuckets", true}}}};
  const std::string ownership = text(input, "ObjectOwnership", "BucketOwnerEnforced");
  if (ownership != "BucketOwnerEnforced") {
    const json::object rule{{"ObjectOwnership", ownership}};
    bucket["OwnershipControls"] = {{"Rules", json::array{rule}}};
  }
  if (text(input, "ACL", "private") != "private") {
    if (without_acls(bucket))
      return fail("InvalidBucketAclWithObjectOwnership",
                  "Bucket cannot have ACLs set with ObjectOwnership's BucketOwnerEnforced setting");
    KIBAN_TRY_VOID(check_acl(bucket, input));
    bucket["ACL"] = input.at("ACL");
  }
  const json::object* configuration = find_object(input, "CreateBucketConfiguration");
  if (configuration && configuration->contains("Tags")) {
    const json::array& tags = configuration->at("Tags").as_array();
    KIBAN_TRY_VOID(check_bucket_tags(tags));
    bucket["Tagging"] = {{"TagSet", tags}};
  }
  put_json(context, bucket_key(name), bucket);
  return json::object{{"Location", "/" + name}};
}

Result<json::object> delete_bucket(Context& context, const json::object& input) {
  KIBAN_TRY(const json::object bucket, load_bucket(context, input));
  const std::string name = text(bucket, "Name");
  if (!context.scan(object_key(name, ""), {}, 1).empty())
    return fail("BucketNotEmpty", "The bucket you tried to delete is not empty");
  if (!context.scan(version_prefix(name), {}, 1).empty())
    return fail("BucketNotEmpty",
                "The bucket you tried to delete is not empty. You must delete all versions in the "
                "bucket.");
  for (const store::Row& upload : context.scan(upload_prefix(name))) {
    if (const auto row = get_json(context, upload.key)) {
      for (const store::Row& part : context.scan(part_prefix(text(*row, "UploadId"))))
        context.erase(part.key);
    }
    context.erase(upload.key);
  }
  context.erase(bucket_key(name));
  return json::object{};
}

Result<json::object> head_bucket(Context& context, const json::object& input) {
  // A HEAD reply has no body, so clients see the bare status: 404 "NotFound".
  const auto bucket = load_bucket(context, input);
  if (!bucket && bucket.error().name != "NoSuchBucket") return std::unexpected(bucket.error());
  if (!bucket) return fail("NotFound", "Not Found");
  return json::object{{"BucketRegion", bucket->at("Region")}};
}

Result<json::object> list_buckets(Context& context, const json::object& input) {
  const std::string prefix = text(input, "Prefix");
  const std::int64_t most = number(input, "MaxBuckets", 10'000);
  if (most < 1 || most > 10'000)
    return fail("InvalidArgument", "Argument max-buckets must be an integer between 1 and 10000");
  json::array buckets;
  for (const store::Row& row : context.scan(bucket_key(prefix))) {
    const auto bucket = get_json(context, row.key);
    const std::string region = text(*bucket, "Region");
    if (text(input, "BucketRegion", region) != region) continue;
    buckets.push_back(json::object{{"Name", bucket->at("Name")},
                                   {"CreationDate", bucket->at("CreationDate")},
                                   {"BucketRegion", region}});
  }
  auto page =
      paginate(buckets, static_cast<std::size_t>(most), find_string(input, "ContinuationToken"));
  if (!page) return fail("InvalidArgument", page.error().cause);
  json::object out{{"Buckets", page->entries}, {"Owner", {{"ID", context.caller().account}}}};
  if (page->next_token) out["ContinuationToken"] = *page->next_token;
  if (!prefix.empty()) out["Prefix"] = prefix;
  return out;
}

Result<json::object> get_location(Context& context, const json::object& input) {
  KIBAN_TRY(const json::object bucket, load_bucket(context, input, Signed::Anywhere));
  // us-east-1 is told by an empty element: API_GetBucketLocation.html
  const std::string region = text(bucket, "Region");
  return json::object{{"LocationConstraint", region == "us-east-1" ? "" : region}};
}

constexpr std::string_view encryption = "ServerSideEncryptionConfiguration";

// Every bucket is encrypted with SSE-S3 since 2023:
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/default-encryption-faq.html
Result<json::object> get_encryption(Context& context, const json::object& input) {
  KIBAN_TRY(const json::object bucket, load_bucket(context, input));
  if (const json::value* value = find(bucket, encryption)) {
    return json::object{{encryption, *value}};
  }
  const json::object rule{{"ApplyServerSideEncryptionByDefault", {{"SSEAlgorithm", "AES256"}}},
                          {"BucketKeyEnabled", false}};
  return json::object{{encryption, {{"Rules", json::array{rule}}}}};
}

// https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketEncryption.html
Result<json::object> put_encryption(Context& context, const json::object& input) {
  const json::object* given = find_object(input, encryption);
  const json::array* rules = given ? find_array(*given, "Rules") : nullptr;
  if (!rules || rules->size() != 1) return malformed_xml();
  const json::object* standard =
      find_object(rules->at(0).as_object(), "ApplyServerSideEncryptionByDefault");
  if (standard && text(*standard, "SSEAlgorithm") == "AES256" &&
      standard->contains("KMSMasterKeyID"))
    return fail("InvalidArgument",
                "a KMSMasterKeyID is not applicable if the default sse algorithm is not aws:kms or "
                "aws:kms:dsse");
  return keep(context, input, encryption, *given);
}

Result<json::object> put_versioning(Context& context, const json::object& input) {
  const json::object* given = find_object(input, "VersioningConfiguration");
  if (!given || !given->contains("Status"))
    return fail("IllegalVersioningConfigurationException",
                "The Versioning element must be specified");
  if (text(*given, "MFADelete") == "Enabled")
    return fail("NotImplemented", "kiban does not support MFADelete of s3:PutBucketVersioning");
  return keep(context, input, "VersioningConfiguration", *given);
}

Result<json::object> put_tagging(Context& context, const json::object& input) {
  const json::object* given = find_object(input, "Tagging");
  const json::array* tags = given ? find_array(*given, "TagSet") : nullptr;
  if (!tags) return malformed_xml();
  KIBAN_TRY_VOID(check_bucket_tags(*tags));
  return keep(context, input, "Tagging", *given);
}

Result<json::object> put_public_access_block(Context& context, const json::object& input) {
  const json::object* given = find_object(input, "PublicAccessBlockConfiguration");
  if (!given) return malformed_xml();
  json::object block;
  for (const std::string_view setting :
       {"BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"})
    block[setting] = flag(*given, setting);
  return keep(context, input, "PublicAccessBlockConfiguration", std::move(block));
}

// A resource of a bucket's policy is the bucket or something in it.
Result<void> check_resources(const json::object& policy, const std::string& bucket) {
  for (const json::value& statement : statements_of(policy)) {
    for (const std::string_view member : {"Resource", "NotResource"}) {
      for (const json::value& value : listed(statement.as_object(), member)) {
        const std::string_view resource = value.as_string();
        // arn:aws:s3:::NAME or arn:aws:s3:::NAME/KEY, wildcards allowed.
        constexpr std::string_view start = ":s3:::";
        const std::size_t at = resource.find(start);
        const std::string_view named =
            at == std::string_view::npos ? std::string_view() : resource.substr(at + start.size());
        const std::string_view name = named.substr(0, named.find('/'));
        const bool wild = name.find_first_of("*?$") != std::string_view::npos;
        if (resource == "*" || name == bucket || wild) continue;
        return fail("MalformedPolicy", "Policy has invalid resource");
      }
    }
  }
  return {};
}

Result<json::object> put_policy(Context& context, const json::object& input) {
  KIBAN_TRY(const json::object bucket, load_bucket(context, input));
  KIBAN_TRY(const json::object policy,
            read_policy(text(input, "Policy"), PolicyKind::Bucket, "MalformedPolicy"));
  KIBAN_TRY_VOID(check_resources(policy, text(bucket, "Name")));
  if (is_public(policy) && blocks(bucket, "BlockPublicPolicy"))
    return fail("AccessDenied",
                fmt::format("User: {} is not authorized to perform: s3:PutBucketPolicy on "
                            "resource: \"arn:aws:s3:::{}\" because public policies are prevented "
                            "by the BlockPublicPolicy setting in S3 Block Public Access.",
                            context.caller().arn, text(bucket, "Name")));
  return keep(context, input, "Policy", input.at("Policy"));
}

Result<json::object> get_policy_status(Context& context, const json::object& input) {
  KIBAN_TRY(const json::value policy, kept(context, input, "Policy", "NoSuchBucketPolicy",
                                           "The bucket policy does not exist"));
  const auto parsed = parse_json(std::string_view(policy.as_string()));
  const bool open = parsed && parsed->is_object() && is_public(parsed->get_object());
  return json::object{{"PolicyStatus", {{"IsPublic", open}}}};
}

Result<json::object> get_policy(Context& context, const json::object& input) {
  KIBAN_TRY(json::value policy, kept(context, input, "Policy", "NoSuchBucketPolicy",
                                     "The bucket policy does not exist"));
  return json::object{{"Policy", std::move(policy)}};
}

Result<json::object> get_tagging(Context& context, const json::object& input) {
  KIBAN_TRY(json::value tags,
            kept(context, input, "Tagging", "NoSuchTagSet", "The TagSet does not exist"));
  return std::move(tags.as_object());
}

Result<json::object> get_public_access_block(Context& context, const json::object& input) {
  KIBAN_TRY(json::value block, kept(context, input, "PublicAccessBlockConfiguration",
                                    "NoSuchPublicAccessBlockConfiguration",
                                    "The public access block configuration was not found"));
  return json::object{{"PublicAccessBlockConfiguration", std::move(block)}};
}

Result<json::object> get_versioning(Context& context, const json::object& input) {
  KIBAN_TRY(const json::object bucket, load_bucket(context, input));
  const json::object* configuration = find_object(bucket, "VersioningConfiguration");
  return configuration ? *configuration : json::object{};
}

}  // namespace

const CheckedTable& bucket_operations() {
  static const CheckedTable table = {
      {"CreateBucket",
       {create_bucket,
        "ACL Bucket CreateBucketConfiguration ObjectLockEnabledForBucket ObjectOwnership"}},
      {"DeleteBucket", {delete_bucket, "Bucket ExpectedBucketOwner"}},
      {"DeleteBucketEncryption",
       {forget_member<"ServerSideEncryptionConfiguration">, "Bucket ExpectedBucketOwner"}},
      {"DeleteBucketPolicy", {forget_member<"Policy">, "Bucket ExpectedBucketOwner"}},
      {"DeleteBucketTagging", {forget_member<"Tagging">, "Bucket ExpectedBucketOwner"}},
      {"DeletePublicAccessBlock",
       {forget_member<"PublicAccessBlockConfiguration">, "Bucket ExpectedBucketOwner"}},
      {"GetBucketEncryption", {get_encryption, "Bucket ExpectedBucketOwner"}},
      {"GetBucketLocation", {get_location, "Bucket ExpectedBucketOwner"}},
      {"GetBucketPolicy", {get_policy, "Bucket ExpectedBucketOwner"}},
      {"GetBucketPolicyStatus", {get_policy_status, "Bucket ExpectedBucketOwner"}},
      {"GetBucketTagging", {get_tagging, "Bucket ExpectedBucketOwner"}},
      {"GetBucketVersioning", {get_versioning, "Bucket ExpectedBucketOwner"}},
      {"GetPublicAccessBlock", {get_public_access_block, "Bucket ExpectedBucketOwner"}},
      {"HeadBucket", {head_bucket, "Bucket ExpectedBucketOwner"}},
      {"ListBuckets", {list_buckets, "MaxBuckets ContinuationToken Prefix BucketRegion"}},
      {"PutBucketEncryption",
       {put_encryption,
        "Bucket ContentMD5 ChecksumAlgorithm ServerSideEncryptionConfiguration "
        "ExpectedBucketOwner"}},
      {"PutBucketPolicy",
       {put_policy,
        "Bucket ContentMD5 ChecksumAlgorithm ConfirmRemoveSelfBucketAccess Policy "
        "ExpectedBucketOwner"}},
      {"PutBucketTagging",
       {put_tagging, "Bucket ContentMD5 ChecksumAlgorithm Tagging ExpectedBucketOwner"}},
      {"PutBucketVersioning",
       {put_versioning,
        "Bucket ContentMD5 ChecksumAlgorithm VersioningConfiguration ExpectedBucketOwner"}},
      {"PutPublicAccessBlock",
       {put_public_access_block,
        "Bucket ContentMD5 ChecksumAlgorithm PublicAccessBlockConfiguration ExpectedBucketOwner"}},
  };
  return table;
}

}  // namespace kiban::services::s3
