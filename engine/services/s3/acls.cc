// Access control lists: kept and returned, and switched off as a bucket's object ownership says.
// Nothing is decided by them.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/acl-overview.html
#include <fmt/format.h>

#include <algorithm>

#include "services/s3/configurations.h"
#include "services/s3/rows.h"

namespace kiban::services::s3 {
namespace {

constexpr std::string_view everyone = "http://acs.amazonaws.com/groups/global/AllUsers";
constexpr std::string_view authenticated =
    "http://acs.amazonaws.com/groups/global/AuthenticatedUsers";
constexpr std::string_view log_delivery = "http://acs.amazonaws.com/groups/s3/LogDelivery";

bool is_public_acl(std::string_view canned) {
  return canned == "public-read" || canned == "public-read-write" || canned == "authenticated-read";
}

json::object owner(const Context& context) { return {{"ID", context.caller().account}}; }

json::object group_grant(std::string_view uri, std::string_view permission) {
  return {{"Grantee", {{"Type", "Group"}, {"URI", uri}}}, {"Permission", permission}};
}

json::array grants_of(const Context& context, std::string_view canned) {
  json::array grants{
      json::object{{"Grantee", {{"Type", "CanonicalUser"}, {"ID", context.caller().account}}},
                   {"Permission", "FULL_CONTROL"}}};
  if (canned == "public-read" || canned == "public-read-write")
    grants.push_back(group_grant(everyone, "READ"));
  if (canned == "public-read-write") grants.push_back(group_grant(everyone, "WRITE"));
  if (canned == "authenticated-read") grants.push_back(group_grant(authenticated, "READ"));
  if (canned == "log-delivery-write") {
    grants.push_back(group_grant(log_delivery, "WRITE"));
    grants.push_back(group_grant(log_delivery, "READ_ACP"));
  }
  return grants;
}

json::object described(const Context& context, const json::object& row) {
  if (const json::object* policy = find_object(row, "AccessControlPolicy"))
    return {{"Owner", owner(context)}, {"Grants", *find_array(*policy, "Grants")}};
  return {{"Owner", owner(context)}, {"Grants", grants_of(context, text(row, "ACL", "private"))}};
}

bool is_public(const json::object& policy) {
  const json::array* grants = find_array(policy, "Grants");
  return grants && std::ranges::any_of(*grants, [](const json::value& grant) {
           const json::object* grantee = find_object(grant.as_object(), "Grantee");
           const std::string uri = grantee ? text(*grantee, "URI") : std::string();
           return uri == everyone || uri == authenticated;
         });
}

Result<void> check_grants(const Context& context, const json::object& policy) {
  const json::array* grants = find_array(policy, "Grants");
  const json::object* named = find_object(policy, "Owner");
  if (!grants || !named) {
    return fail("MalformedACLError",
                "The XML you provided was not well-formed or did not validate against our "
                "published schema");
  }
  if (text(*named, "ID") != context.caller().account) return fail("AccessDenied", "Access Denied");
  if (grants->size() > 100) return fail("MalformedACLError", "An ACL can have at most 100 grants.");
  for (const json::value& value : *grants) {
    const json::object* grantee = find_object(value.as_object(), "Grantee");
    const std::string type = grantee ? text(*grantee, "Type") : std::string();
    // https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketAcl.html
    if (type == "AmazonCustomerByEmail")
      return fail("MethodNotAllowed", "The specified method is not allowed against this resource.");
    const std::string uri = type == "Group" ? text(*grantee, "URI") : std::string();
    if (type == "Group" && uri != everyone && uri != authenticated && uri != log_delivery)
      return fail("InvalidArgument", "Invalid group uri");
    if (type == "CanonicalUser" && text(*grantee, "ID").empty())
      return fail("InvalidArgument", "Invalid id");
  }
  return {};
}

// The ACL of a request into the row of a bucket or an object.
Result<void> take_acl(const Context& context, const json::object& bucket, const json::object& input,
                      json::object& row) {
  const bool canned = input.contains("ACL");
  const json::object* policy = find_object(input, "AccessControlPolicy");
  if (canned && policy) return fail("UnexpectedContent", "This request does not support content");
  if (!canned && !policy)
    return fail("MissingSecurityHeader", "Your request was missing a required header");
  if (without_acls(bucket))
    return fail("AccessControlListNotSupported", "The bucket does not allow ACLs");
  if (policy) KIBAN_TRY_VOID(check_grants(context, *policy));
  const bool open = policy ? is_public(*policy) : is_public_acl(text(input, "ACL"));
  if (open && blocks(bucket, "BlockPublicAcls")) return fail("AccessDenied", "Access Denied");
  row.erase("ACL");
  row.erase("AccessControlPolicy");
  if (canned)
    row["ACL"] = input.at("ACL");
  else
    row["AccessControlPolicy"] = {{"Grants", *find_array(*policy, "Grants")}};
  return {};
}

Result<json::object> get_bucket_acl(Context& context, const json::object& input) {
  KIBAN_TRY(const json::object bucket, load_bucket(context, input));
  return described(context, bucket);
}

Result<json::object> put_bucket_acl(Context& context, const json::object& input) {
  KIBAN_TRY(json::object bucket, load_bucket(context, input));
  KIBAN_TRY_VOID(take_acl(context, bucket, input, bucket));
  put_json(context, bucket_key(text(bucket, "Name")), bucket);
  return json::object{};
}

Result<json::object> get_object_acl(Context& context, const json::object& input) {
  KIBAN_TRY(const json::object row, load_object(context, input));
  return described(context, row);
}

Result<json::object> put_object_acl(Context& context, const json::object& input) {
  KIBAN_TRY(const json::object bucket, load_bucket(context, input));
  KIBAN_TRY(json::object row, load_object(context, input));
  // Where ACLs are switched off, this one says what is so anyway.
  if (without_acls(bucket) && text(input, "ACL") == "bucket-owner-full-control")
    return json::object{};
  KIBAN_TRY_VOID(take_acl(context, bucket, input, row));
  rewrite_object(context, text(bucket, "Name"), row);
  announce(context, bucket, {"ObjectAcl:Put", ""}, row);
  return json::object{};
}

Result<json::object> get_ownership(Context& context, const json::object& input) {
  KIBAN_TRY(const json::object bucket, load_bucket(context, input));
  const json::object* own = find_object(bucket, "OwnershipControls");
  if (own && own->empty())
    return fail("OwnershipControlsNotFoundError", "The bucket ownership controls were not found");
  if (own) return json::object{{"OwnershipControls", *own}};
  const json::object rule{{"ObjectOwnership", "BucketOwnerEnforced"}};
  return json::object{{"OwnershipControls", {{"Rules", json::array{rule}}}}};
}

Result<json::object> put_ownership(Context& context, const json::object& input) {
  KIBAN_TRY(const json::object bucket, load_bucket(context, input));
  const json::object* given = find_object(input, "OwnershipControls");
  const json::array* rules = given ? find_array(*given, "Rules") : nullptr;
  if (!rules || rules->size() != 1) return malformed_xml();
  const bool enforced = text(rules->at(0).as_object(), "ObjectOwnership") == "BucketOwnerEnforced";
  if (enforced &&
      (text(bucket, "ACL", "private") != "private" || bucket.contains("AccessControlPolicy")))
    return fail("InvalidBucketAclWithObjectOwnership",
                "Bucket cannot have ACLs set with ObjectOwnership's BucketOwnerEnforced setting");
  if (enforced) return forget(context, input, "OwnershipControls");  // What is so without any.
  return keep(context, input, "OwnershipControls", *given);
}

Result<json::object> delete_ownership(Context& context, const json::object& input) {
  return keep(context, input, "OwnershipControls", json::object{});
}

}  // namespace

bool without_acls(const json::object& bucket) {
  const json::object* own = find_object(bucket, "OwnershipControls");
  if (!own) return true;
  const json::array* rules = find_array(*own, "Rules");
  return rules && !rules->empty() &&
         text(rules->at(0).as_object(), "ObjectOwnership") == "BucketOwnerEnforced";
}

bool blocks(const json::object& bucket, std::string_view setting) {
  const json::object* block = find_object(bucket, "PublicAccessBlockConfiguration");
  return block && flag(*block, setting);
}

Result<void> check_acl(const json::object& bucket, const json::object& input) {
  const std::string acl = text(input, "ACL");
  if (acl.empty() || acl == "bucket-owner-full-control") return {};
  if (without_acls(bucket))
    return fail("AccessControlListNotSupported", "The bucket does not allow ACLs");
  if (is_public_acl(acl) && blocks(bucket, "BlockPublicAcls"))
    return fail("AccessDenied", "Access Denied");
  return {};
}

const CheckedTable& acl_operations() {
  static const CheckedTable table = {
      {"DeleteBucketOwnershipControls", {delete_ownership, "Bucket ExpectedBucketOwner"}},
      {"GetBucketAcl", {get_bucket_acl, "Bucket ExpectedBucketOwner"}},
      {"GetBucketOwnershipControls", {get_ownership, "Bucket ExpectedBucketOwner"}},
      {"GetObjectAcl", {get_object_acl, "Bucket Key VersionId RequestPayer ExpectedBucketOwner"}},
      {"PutBucketAcl",
       {put_bucket_acl,
        "ACL AccessControlPolicy Bucket ContentMD5 ChecksumAlgorithm ExpectedBucketOwner"}},
      {"PutBucketOwnershipControls",
       {put_ownership,
        "Bucket ContentMD5 ChecksumAlgorithm OwnershipControls ExpectedBucketOwner"}},
      {"PutObjectAcl",
       {put_object_acl,
        "ACL AccessControlPolicy Bucket ContentMD5 ChecksumAlgorithm ExpectedBucketOwner Key "
        "RequestPayer VersionId"}},
  };
  return table;
}

}  // namespace kiban::services::s3
