// Buckets and their configurations.
#include <fmt/format.h>

#include <algorithm>

#include "services/s3/rows.h"

namespace kiban::services::s3 {
namespace {

Result<json::object> create_bucket(Context& context, const json::object& input) {
  const std::string name = text(input, "Bucket");
  KIBAN_TRY_VOID(check_key(input));  // For its ACL.
  if (text(input, "ObjectOwnership", "BucketOwnerEnforced") != "BucketOwnerEnforced")
    return fail("NotImplemented",
                "kiban's buckets have no ACLs: ObjectOwnership must be "
                "BucketOwnerEnforced");
  if (context.get(bucket_key(name))) {
    return fail("BucketAlreadyOwnedByYou",
                "Your previous request to create the named bucket succeeded and you already own "
                "it.");
  }
  const json::object* configuration = find_object(input, "CreateBucketConfiguration");
  const std::string region = configuration ? text(*configuration, "LocationConstraint") : "";
  put_json(context, bucket_key(name),
           {{"Name", name},
            {"CreationDate", epoch_seconds(context.now())},
            {"Region", region.empty() ? context.caller().region : region}});
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
  json::array buckets;
  for (const store::Row& row : context.scan(bucket_key(prefix))) {
    const auto bucket = get_json(context, row.key);
    buckets.push_back(
        json::object{{"Name", bucket->at("Name")}, {"CreationDate", bucket->at("CreationDate")}});
  }
  auto page = paginate(buckets, static_cast<std::size_t>(number(input, "MaxBuckets", 10'000)),
                       find_string(input, "ContinuationToken"));
  if (!page) return fail("InvalidArgument", page.error().cause);
  json::object out{{"Buckets", page->entries}, {"Owner", {{"ID", context.caller().account}}}};
  if (page->next_token) out["ContinuationToken"] = *page->next_token;
  return out;
}

Result<json::object> get_location(Context& context, const json::object& input) {
  KIBAN_TRY(const json::object bucket, load_bucket(context, input));
  // us-east-1 is told by an empty element: API_GetBucketLocation.html
  const std::string region = text(bucket, "Region");
  return json::object{{"LocationConstraint", region == "us-east-1" ? "" : region}};
}

// Configurations are kept as given. `member` is both the request's and the row's.
Result<json::object> keep(Context& context, const json::object& input, std::string_view member) {
  KIBAN_TRY(json::object bucket, load_bucket(context, input));
  const json::value* value = find(input, member);
  if (!value) {
    return fail("MalformedXML",
                "The XML you provided was not well-formed or did not validate against our "
                "published schema");
  }
  bucket[member] = *value;
  put_json(context, bucket_key(text(bucket, "Name")), bucket);
  return json::object{};
}

Result<json::value> kept(const Context& context, const json::object& input, std::string_view member,
                         std::string_view error, std::string_view cause) {
  KIBAN_TRY(const json::object bucket, load_bucket(context, input));
  const json::value* value = find(bucket, member);
  if (!value) return fail(std::string(error), std::string(cause));
  return *value;
}

Result<json::object> forget(Context& context, const json::object& input, std::string_view member) {
  KIBAN_TRY(json::object bucket, load_bucket(context, input));
  bucket.erase(member);
  put_json(context, bucket_key(text(bucket, "Name")), bucket);
  return json::object{};
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

Result<json::object> put_policy(Context& context, const json::object& input) {
  const auto policy = parse_json(text(input, "Policy"));
  if (!policy || !policy->is_object() || !policy->get_object().contains("Statement")) {
    return fail("MalformedPolicy", "Policies must be valid JSON and have a Statement");
  }
  return keep(context, input, "Policy");
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

Result<json::object> get_lifecycle(Context& context, const json::object& input) {
  KIBAN_TRY(json::value rules,
            kept(context, input, "LifecycleConfiguration", "NoSuchLifecycleConfiguration",
                 "The lifecycle configuration does not exist"));
  return std::move(rules.as_object());
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

template <std::size_t size>
struct Name {
  char text[size];
  constexpr Name(const char (&given)[size]) { std::ranges::copy(given, text); }
};
template <Name member>
Result<json::object> keep_member(Context& context, const json::object& input) {
  return keep(context, input, member.text);
}
template <Name member>
Result<json::object> forget_member(Context& context, const json::object& input) {
  return forget(context, input, member.text);
}

}  // namespace

const CheckedTable& bucket_operations() {
  static const CheckedTable table = {
      {"CreateBucket", {create_bucket, "ACL Bucket CreateBucketConfiguration ObjectOwnership"}},
      {"DeleteBucket", {delete_bucket, "Bucket ExpectedBucketOwner"}},
      {"DeleteBucketEncryption",
       {forget_member<"ServerSideEncryptionConfiguration">, "Bucket ExpectedBucketOwner"}},
      {"DeleteBucketLifecycle",
       {forget_member<"LifecycleConfiguration">, "Bucket ExpectedBucketOwner"}},
      {"DeleteBucketPolicy", {forget_member<"Policy">, "Bucket ExpectedBucketOwner"}},
      {"DeleteBucketTagging", {forget_member<"Tagging">, "Bucket ExpectedBucketOwner"}},
      {"DeletePublicAccessBlock",
       {forget_member<"PublicAccessBlockConfiguration">, "Bucket ExpectedBucketOwner"}},
      {"GetBucketEncryption", {get_encryption, "Bucket ExpectedBucketOwner"}},
      {"GetBucketLifecycleConfiguration", {get_lifecycle, "Bucket ExpectedBucketOwner"}},
      {"GetBucketLocation", {get_location, "Bucket ExpectedBucketOwner"}},
      {"GetBucketPolicy", {get_policy, "Bucket ExpectedBucketOwner"}},
      {"GetBucketTagging", {get_tagging, "Bucket ExpectedBucketOwner"}},
      {"GetBucketVersioning", {get_versioning, "Bucket ExpectedBucketOwner"}},
      {"GetPublicAccessBlock", {get_public_access_block, "Bucket ExpectedBucketOwner"}},
      {"HeadBucket", {head_bucket, "Bucket ExpectedBucketOwner"}},
      {"ListBuckets", {list_buckets, "MaxBuckets ContinuationToken Prefix"}},
      {"PutBucketEncryption",
       {keep_member<"ServerSideEncryptionConfiguration">,
        "Bucket ContentMD5 ChecksumAlgorithm ServerSideEncryptionConfiguration "
        "ExpectedBucketOwner"}},
      {"PutBucketLifecycleConfiguration",
       {keep_member<"LifecycleConfiguration">,
        "Bucket ChecksumAlgorithm LifecycleConfiguration ExpectedBucketOwner"}},
      {"PutBucketPolicy",
       {put_policy,
        "Bucket ContentMD5 ChecksumAlgorithm ConfirmRemoveSelfBucketAccess Policy "
        "ExpectedBucketOwner"}},
      {"PutBucketTagging",
       {keep_member<"Tagging">, "Bucket ContentMD5 ChecksumAlgorithm Tagging ExpectedBucketOwner"}},
      {"PutBucketVersioning",
       {keep_member<"VersioningConfiguration">,
        "Bucket ContentMD5 ChecksumAlgorithm VersioningConfiguration ExpectedBucketOwner"}},
      {"PutPublicAccessBlock",
       {keep_member<"PublicAccessBlockConfiguration">,
        "Bucket ContentMD5 ChecksumAlgorithm PublicAccessBlockConfiguration ExpectedBucketOwner"}},
  };
  return table;
}

}  // namespace kiban::services::s3
