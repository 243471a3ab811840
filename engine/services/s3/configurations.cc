// Configurations of a bucket that are checked, kept and returned as given. docs/limits.md says
// which of them have an effect here.
#include "services/s3/configurations.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>

#include "core/arn.h"
#include "core/mail_address.h"
#include "services/base/policy.h"
#include "services/s3/rows.h"

namespace kiban::services::s3 {

std::unexpected<Error> malformed_xml() {
  return fail("MalformedXML",
              "The XML you provided was not well-formed or did not validate against our published "
              "schema");
}

Result<json::object> keep(Context& context, const json::object& input, std::string_view member,
                          json::value value) {
  KIBAN_TRY(json::object bucket, load_bucket(context, input));
  bucket[member] = std::move(value);
  put_json(context, bucket_key(text(bucket, "Name")), bucket);
  return json::object{};
}

Result<json::value> kept(const Context& context, const json::object& input, std::string_view member,
                         std::string_view name, std::string_view cause) {
  KIBAN_TRY(const json::object bucket, load_bucket(context, input));
  const json::value* value = find(bucket, member);
  if (!value) return fail(std::string(name), std::string(cause));
  return *value;
}

Result<json::object> forget(Context& context, const json::object& input, std::string_view member) {
  KIBAN_TRY(json::object bucket, load_bucket(context, input));
  bucket.erase(member);
  put_json(context, bucket_key(text(bucket, "Name")), bucket);
  return json::object{};
}

namespace {

// CORS -------------------------------------------------------------------------------------------
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/ManageCorsUsing.html

bool has_wildcards(const json::value& value, std::ptrdiff_t more_than) {
  return value.is_string() && std::ranges::count(value.get_string(), '*') > more_than;
}

Result<void> check_cors_rule(const json::object& rule) {
  const auto each = [&](std::string_view name) { return listed(rule, name); };
  if (each("AllowedMethods").empty() || each("AllowedOrigins").empty()) return malformed_xml();
  constexpr std::array methods = {"GET", "PUT", "HEAD", "POST", "DELETE"};
  for (const json::value& method : each("AllowedMethods")) {
    if (std::ranges::find(methods, std::string_view(method.as_string())) != methods.end()) continue;
    return fail(
        "InvalidRequest",
        fmt::format("Found unsupported HTTP method in CORS config. Unsupported method is {}",
                    std::string_view(method.as_string())));
  }
  for (const std::string_view name : {"AllowedOrigins", "AllowedHeaders"}) {
    for (const json::value& value : each(name)) {
      if (!has_wildcards(value, 1)) continue;
      return fail("InvalidRequest", fmt::format("{} \"{}\" can not have more than one wildcard.",
                                                name.substr(0, name.size() - 1),
                                                std::string_view(value.as_string())));
    }
  }
  for (const json::value& value : each("ExposeHeaders")) {
    if (!has_wildcards(value, 0)) continue;
    return fail("InvalidRequest",
                fmt::format("ExposeHeader \"{}\" contains wildcard. We currently do not support "
                            "wildcard for ExposeHeader.",
                            std::string_view(value.as_string())));
  }
  if (number(rule, "MaxAgeSeconds", 0) < 0) return malformed_xml();
  if (text(rule, "ID").size() > 255)
    return fail("InvalidRequest", "ID length should not exceed allowed limit of 255");
  return {};
}

Result<json::object> put_cors(Context& context, const json::object& input) {
  const json::object* given = find_object(input, "CORSConfiguration");
  const json::array* rules = given ? find_array(*given, "CORSRules") : nullptr;
  if (!rules || rules->empty()) return malformed_xml();
  if (rules->size() > 100)
    return fail("InvalidRequest",
                "The number of CORS rules should not exceed allowed limit of 100 rules.");
  for (const json::value& rule : *rules) KIBAN_TRY_VOID(check_cors_rule(rule.as_object()));
  return keep(context, input, "CORSConfiguration", *given);
}

Result<json::object> get_cors(Context& context, const json::object& input) {
  KIBAN_TRY(json::value rules, kept(context, input, "CORSConfiguration", "NoSuchCORSConfiguration",
                                    "The CORS configuration does not exist"));
  return std::move(rules.as_object());
}

// Website ----------------------------------------------------------------------------------------

// Of three digits that begin with one of `firsts`; absent is fine.
bool is_status(const json::object& parent, std::string_view member, std::string_view firsts) {
  if (!parent.contains(member)) return true;
  const std::string code = text(parent, member);
  return code.size() == 3 && firsts.contains(code[0]) &&
         code.find_first_not_of("0123456789") == std::string::npos;
}

// https://docs.aws.amazon.com/AmazonS3/latest/API/API_Condition.html, API_Redirect.html
Result<void> check_routing_rule(const json::object& rule) {
  const json::object* target = find_object(rule, "Redirect");
  if (!target || target->empty()) return malformed_xml();
  if (target->contains("ReplaceKeyWith") && target->contains("ReplaceKeyPrefixWith"))
    return fail("InvalidRequest",
                "You can only define ReplaceKeyPrefix or ReplaceKey but not both.");
  if (!is_status(*target, "HttpRedirectCode", "3") || text(*target, "HttpRedirectCode") == "300")
    return fail(
        "InvalidRequest",
        fmt::format("The provided HTTP redirect code ({}) is not valid. Valid codes are 3XX "
                    "except 300.",
                    text(*target, "HttpRedirectCode")));
  const json::object* condition = find_object(rule, "Condition");
  if (!condition) return {};
  if (condition->empty()) return malformed_xml();
  if (!is_status(*condition, "HttpErrorCodeReturnedEquals", "45"))
    return fail(
        "InvalidRequest",
        fmt::format("The provided HTTP error code ({}) is not valid. Valid codes are 4XX or "
                    "5XX.",
                    text(*condition, "HttpErrorCodeReturnedEquals")));
  return {};
}

Result<json::object> put_website(Context& context, const json::object& input) {
  const json::object* given = find_object(input, "WebsiteConfiguration");
  if (!given) return malformed_xml();
  const json::object* index = find_object(*given, "IndexDocument");
  const json::object* redirect = find_object(*given, "RedirectAllRequestsTo");
  if (redirect && given->size() > 1)
    return fail(
        "InvalidRequest",
        "RedirectAllRequestsTo cannot be provided in conjunction with other Routing Rules.");
  if (redirect && text(*redirect, "HostName").empty())
    return fail("InvalidRequest", "A value for HostName must be provided");
  if (!redirect && !index)
    return fail("InvalidArgument",
                "A value for IndexDocument Suffix must be provided if RedirectAllRequestsTo is "
                "empty");
  const std::string suffix = index ? text(*index, "Suffix") : "-";
  if (suffix.empty() || suffix.find('/') != std::string::npos)
    return fail("InvalidArgument", "The IndexDocument Suffix is not well formed");
  const json::array* rules = find_array(*given, "RoutingRules");
  if (rules && rules->size() > 50)
    return fail("InvalidRequest",
                fmt::format("{} routing rules provided, the number of routing rules in a website "
                            "configuration is limited to 50.",
                            rules->size()));
  for (const json::value& rule : rules ? *rules : json::array{})
    KIBAN_TRY_VOID(check_routing_rule(rule.as_object()));
  return keep(context, input, "WebsiteConfiguration", *given);
}

Result<json::object> get_website(Context& context, const json::object& input) {
  KIBAN_TRY(json::value website,
            kept(context, input, "WebsiteConfiguration", "NoSuchWebsiteConfiguration",
                 "The specified bucket does not have a website configuration"));
  return std::move(website.as_object());
}

// Small ones -------------------------------------------------------------------------------------

Result<json::object> put_accelerate(Context& context, const json::object& input) {
  const json::object* given = find_object(input, "AccelerateConfiguration");
  if (!given || !given->contains("Status")) return malformed_xml();
  if (text(input, "Bucket").find('.') != std::string::npos)
    return fail("InvalidRequest",
                "S3 Transfer Acceleration is not supported for buckets with periods (.) in their "
                "names");
  return keep(context, input, "AccelerateConfiguration", *given);
}

Result<json::object> get_accelerate(Context& context, const json::object& input) {
  KIBAN_TRY(const json::object bucket, load_bucket(context, input));
  const json::object* own = find_object(bucket, "AccelerateConfiguration");
  return own ? *own : json::object{};
}

Result<json::object> put_payment(Context& context, const json::object& input) {
  const json::object* given = find_object(input, "RequestPaymentConfiguration");
  if (!given || !given->contains("Payer")) return malformed_xml();
  return keep(context, input, "RequestPaymentConfiguration", *given);
}

Result<json::object> get_payment(Context& context, const json::object& input) {
  KIBAN_TRY(const json::object bucket, load_bucket(context, input));
  const json::object* own = find_object(bucket, "RequestPaymentConfiguration");
  return own ? *own : json::object{{"Payer", "BucketOwner"}};
}

Result<json::object> put_logging(Context& context, const json::object& input) {
  KIBAN_TRY(const json::object bucket, load_bucket(context, input));
  const json::object* given = find_object(input, "BucketLoggingStatus");
  if (!given) return malformed_xml();
  const json::object* enabled = find_object(*given, "LoggingEnabled");
  if (!enabled) return forget(context, input, "BucketLoggingStatus");
  const auto target = get_json(context, bucket_key(text(*enabled, "TargetBucket")));
  if (!target)
    return fail("InvalidTargetBucketForLogging", "The target bucket for logging does not exist");
  if (text(*target, "Region") != text(bucket, "Region"))
    return fail("CrossLocationLoggingProhibited", "Cross S3 location logging not allowed. ");
  if (enabled->contains("TargetGrants") && without_acls(*target))
    return fail("AccessControlListNotSupported",
                "The target bucket for logging does not allow ACLs");
  return keep(context, input, "BucketLoggingStatus", *given);
}

Result<json::object> get_logging(Context& context, const json::object& input) {
  KIBAN_TRY(const json::object bucket, load_bucket(context, input));
  const json::object* own = find_object(bucket, "BucketLoggingStatus");
  return own ? *own : json::object{};
}

Result<json::object> get_replication(Context& context, const json::object& input) {
  KIBAN_TRY([[maybe_unused]] const json::object bucket, load_bucket(context, input));
  return fail("ReplicationConfigurationNotFoundError",
              "The replication configuration was not found");
}

Result<json::object> put_replication(Context& context, const json::object& input) {
  KIBAN_TRY(const json::object bucket, load_bucket(context, input));
  const json::object* versions = find_object(bucket, "VersioningConfiguration");
  if (!versions || text(*versions, "Status") != "Enabled")
    return fail("InvalidRequest",
                "Versioning must be 'Enabled' on the bucket to apply a replication configuration");
  return fail("NotImplemented",
              "kiban does not support ReplicationConfiguration of s3:PutBucketReplication");
}

Result<json::object> delete_replication(Context& context, const json::object& input) {
  KIBAN_TRY([[maybe_unused]] const json::object bucket, load_bucket(context, input));
  return json::object{};
}

Result<json::object> get_object_lock(Context& context, const json::object& input) {
  KIBAN_TRY([[maybe_unused]] const json::object bucket, load_bucket(context, input));
  return fail("ObjectLockConfigurationNotFoundError",
              "Object Lock configuration does not exist for this bucket");
}

Result<json::object> put_object_lock(Context& context, const json::object& input) {
  KIBAN_TRY(const json::object bucket, load_bucket(context, input));
  const json::object* versions = find_object(bucket, "VersioningConfiguration");
  if (!versions || text(*versions, "Status") != "Enabled")
    return fail("InvalidBucketState",
                "Versioning must be 'Enabled' on the bucket to apply a Object Lock configuration");
  return fail("NotImplemented",
              "kiban does not support ObjectLockConfiguration of s3:PutObjectLockConfiguration");
}

// Legal holds and retention of objects need a bucket with Object Lock, which none has here.
Result<json::object> object_lock_missing(Context& context, const json::object& input) {
  KIBAN_TRY([[maybe_unused]] const json::object row, load_object(context, input));
  return fail("InvalidRequest", "Bucket is missing Object Lock Configuration");
}

Result<json::object> get_abac(Context& context, const json::object& input) {
  KIBAN_TRY([[maybe_unused]] const json::object bucket, load_bucket(context, input));
  return json::object{{"AbacStatus", {{"Status", "Disabled"}}}};
}

// Configurations with an id ----------------------------------------------------------------------

constexpr std::string_view tiering = "IntelligentTieringConfiguration";
constexpr std::string_view metrics = "MetricsConfiguration";
constexpr std::string_view analytics = "AnalyticsConfiguration";
constexpr std::string_view inventory = "InventoryConfiguration";

std::string list_name(std::string_view member) { return fmt::format("{}List", member); }

Result<void> check_tiers(const json::object& configuration) {
  const json::array* tiers = find_array(configuration, "Tierings");
  if (!tiers || tiers->empty()) return malformed_xml();
  std::map<std::string, std::int64_t> days_of;
  for (const json::value& value : *tiers) {
    const bool deep = text(value.as_object(), "AccessTier") == "DEEP_ARCHIVE_ACCESS";
    const std::int64_t days = number(value.as_object(), "Days", 0);
    if (days < (deep ? 180 : 90) || days > 730)
      return fail("InvalidArgument",
                  fmt::format("'Days' for {} must be from {} to 730",
                              text(value.as_object(), "AccessTier"), deep ? 180 : 90));
    if (!days_of.emplace(text(value.as_object(), "AccessTier"), days).second)
      return malformed_xml();
  }
  if (days_of.size() == 2 && days_of["ARCHIVE_ACCESS"] > days_of["DEEP_ARCHIVE_ACCESS"])
    return fail("InvalidArgument",
                "'Days' for DEEP_ARCHIVE_ACCESS must not be less than 'Days' for ARCHIVE_ACCESS");
  return {};
}

// Where an inventory or an analysis would be written: a bucket's ARN. The bucket may be that of
// another account.
Result<void> check_destination(const json::object& configuration) {
  const json::object* at = &configuration;
  for (const std::string_view member :
       {"StorageClassAnalysis", "DataExport", "Destination", "S3BucketDestination"})
    if (const json::object* inner = find_object(*at, member)) at = inner;
  if (at == &configuration || !at->contains("Bucket")) return {};
  const auto arn = parse_arn(text(*at, "Bucket"));
  if (arn && arn->service == "s3" && arn->region.empty() && arn->account.empty() &&
      !arn->resource.empty() && !arn->resource.contains('/'))
    return {};
  return fail("InvalidS3DestinationBucket", "Invalid bucket ARN.");
}

// "can only contain letters, numbers, periods, dashes, and underscores":
// https://docs.aws.amazon.com/AmazonS3/latest/API/API_MetricsConfiguration.html
bool is_id(std::string_view id) {
  return !id.empty() && id.size() <= 64 && std::ranges::all_of(id, [](char c) {
    return is_letter_or_digit(c) || c == '.' || c == '-' || c == '_';
  });
}

Result<json::object> put_numbered(Context& context, const json::object& input,
                                  std::string_view member) {
  KIBAN_TRY(json::object bucket, load_bucket(context, input));
  const json::object* given = find_object(input, member);
  if (!given) return malformed_xml();
  const std::string id = text(input, "Id");
  if (id.empty() || id.size() > 64 || text(*given, "Id") != id)
    return fail("InvalidArgument", "The Id of the request and of the configuration must be equal");
  if (!is_id(id) && member != tiering)
    return fail("InvalidArgument",
                "The Id can only contain letters, numbers, periods, dashes, and underscores.");
  KIBAN_TRY_VOID(check_destination(*given));
  if (member == tiering) KIBAN_TRY_VOID(check_tiers(*given));
  const std::string list = list_name(member);
  if (!bucket.contains(list)) bucket[list] = json::object{};
  json::object& all = bucket[list].as_object();
  all[id] = *given;
  if (all.size() > 1'000)
    return fail("TooManyConfigurations",
                "You are attempting to create a new configuration but have already reached the "
                "1,000-configuration limit.");
  put_json(context, bucket_key(text(bucket, "Name")), bucket);
  return json::object{};
}

std::unexpected<Error> no_such_configuration() {
  return fail("NoSuchConfiguration", "The specified configuration does not exist.");
}

Result<json::object> get_numbered(Context& context, const json::object& input,
                                  std::string_view member) {
  KIBAN_TRY(const json::object bucket, load_bucket(context, input));
  const json::object* all = find_object(bucket, list_name(member));
  const json::object* own = all ? find_object(*all, text(input, "Id")) : nullptr;
  if (!own) return no_such_configuration();
  return json::object{{member, *own}};
}

Result<json::object> delete_numbered(Context& context, const json::object& input,
                                     std::string_view member) {
  KIBAN_TRY(json::object bucket, load_bucket(context, input));
  const std::string list = list_name(member);
  if (!bucket.contains(list) || bucket[list].as_object().erase(text(input, "Id")) == 0)
    return no_such_configuration();
  put_json(context, bucket_key(text(bucket, "Name")), bucket);
  return json::object{};
}

Result<json::object> list_numbered(Context& context, const json::object& input,
                                   std::string_view member) {
  KIBAN_TRY(const json::object bucket, load_bucket(context, input));
  json::array entries;
  if (const json::object* all = find_object(bucket, list_name(member))) {
    for (const auto& [id, configuration] : *all) entries.push_back(configuration);
  }
  auto page = paginate(entries, 100, find_string(input, "ContinuationToken"));
  if (!page) return fail("InvalidArgument", "The continuation token provided is incorrect");
  json::object out{{"IsTruncated", page->next_token.has_value()}};
  if (!page->entries.empty()) out[list_name(member)] = std::move(page->entries);
  if (page->next_token) out["NextContinuationToken"] = *page->next_token;
  return out;
}

using Numbered = Result<json::object> (*)(Context&, const json::object&, std::string_view);
template <Numbered run, const std::string_view& member>
Result<json::object> numbered(Context& context, const json::object& input) {
  return run(context, input, member);
}

template <const std::string_view& member>
void add_numbered(CheckedTable& table, std::array<std::string_view, 4> names,
                  std::string_view put_members) {
  table.emplace(names[0], CheckedOperation{numbered<delete_numbered, member>,
                                           "Bucket Id ExpectedBucketOwner"});
  table.emplace(names[1],
                CheckedOperation{numbered<get_numbered, member>, "Bucket Id ExpectedBucketOwner"});
  table.emplace(names[2], CheckedOperation{numbered<list_numbered, member>,
                                           "Bucket ContinuationToken ExpectedBucketOwner"});
  table.emplace(names[3], CheckedOperation{numbered<put_numbered, member>, put_members});
}

CheckedTable make_table() {
  CheckedTable table = {
      {"DeleteBucketCors", {forget_member<"CORSConfiguration">, "Bucket ExpectedBucketOwner"}},
      {"DeleteBucketReplication", {delete_replication, "Bucket ExpectedBucketOwner"}},
      {"DeleteBucketWebsite",
       {forget_member<"WebsiteConfiguration">, "Bucket ExpectedBucketOwner"}},
      {"GetBucketAbac", {get_abac, "Bucket ExpectedBucketOwner"}},
      {"GetBucketAccelerateConfiguration",
       {get_accelerate, "Bucket ExpectedBucketOwner RequestPayer"}},
      {"GetBucketCors", {get_cors, "Bucket ExpectedBucketOwner"}},
      {"GetBucketLogging", {get_logging, "Bucket ExpectedBucketOwner"}},
      {"GetBucketReplication", {get_replication, "Bucket ExpectedBucketOwner"}},
      {"GetBucketRequestPayment", {get_payment, "Bucket ExpectedBucketOwner"}},
      {"GetBucketWebsite", {get_website, "Bucket ExpectedBucketOwner"}},
      {"GetObjectLegalHold",
       {object_lock_missing, "Bucket Key VersionId RequestPayer ExpectedBucketOwner"}},
      {"GetObjectLockConfiguration", {get_object_lock, "Bucket ExpectedBucketOwner"}},
      {"GetObjectRetention",
       {object_lock_missing, "Bucket Key VersionId RequestPayer ExpectedBucketOwner"}},
      {"PutBucketAccelerateConfiguration",
       {put_accelerate, "Bucket AccelerateConfiguration ChecksumAlgorithm ExpectedBucketOwner"}},
      {"PutBucketCors",
       {put_cors, "Bucket CORSConfiguration ContentMD5 ChecksumAlgorithm ExpectedBucketOwner"}},
      {"PutBucketLogging",
       {put_logging,
        "Bucket BucketLoggingStatus ContentMD5 ChecksumAlgorithm ExpectedBucketOwner"}},
      {"PutBucketReplication",
       {put_replication,
        "Bucket ReplicationConfiguration Token ContentMD5 ChecksumAlgorithm ExpectedBucketOwner"}},
      {"PutBucketRequestPayment",
       {put_payment,
        "Bucket RequestPaymentConfiguration ContentMD5 ChecksumAlgorithm ExpectedBucketOwner"}},
      {"PutBucketWebsite",
       {put_website,
        "Bucket WebsiteConfiguration ContentMD5 ChecksumAlgorithm ExpectedBucketOwner"}},
      {"PutObjectLegalHold",
       {object_lock_missing,
        "Bucket Key VersionId LegalHold ContentMD5 ChecksumAlgorithm RequestPayer "
        "ExpectedBucketOwner"}},
      {"PutObjectLockConfiguration",
       {put_object_lock,
        "Bucket ObjectLockConfiguration Token ContentMD5 ChecksumAlgorithm RequestPayer "
        "ExpectedBucketOwner"}},
      {"PutObjectRetention",
       {object_lock_missing,
        "Bucket Key VersionId Retention BypassGovernanceRetention ContentMD5 ChecksumAlgorithm "
        "RequestPayer ExpectedBucketOwner"}},
  };
  add_numbered<tiering>(
      table,
      {"DeleteBucketIntelligentTieringConfiguration", "GetBucketIntelligentTieringConfiguration",
       "ListBucketIntelligentTieringConfigurations", "PutBucketIntelligentTieringConfiguration"},
      "Bucket Id ExpectedBucketOwner IntelligentTieringConfiguration");
  add_numbered<metrics>(table,
                        {"DeleteBucketMetricsConfiguration", "GetBucketMetricsConfiguration",
                         "ListBucketMetricsConfigurations", "PutBucketMetricsConfiguration"},
                        "Bucket Id ExpectedBucketOwner MetricsConfiguration");
  add_numbered<analytics>(table,
                          {"DeleteBucketAnalyticsConfiguration", "GetBucketAnalyticsConfiguration",
                           "ListBucketAnalyticsConfigurations", "PutBucketAnalyticsConfiguration"},
                          "Bucket Id ExpectedBucketOwner AnalyticsConfiguration");
  add_numbered<inventory>(table,
                          {"DeleteBucketInventoryConfiguration", "GetBucketInventoryConfiguration",
                           "ListBucketInventoryConfigurations", "PutBucketInventoryConfiguration"},
                          "Bucket Id ExpectedBucketOwner InventoryConfiguration");
  return table;
}

}  // namespace

const CheckedTable& configuration_operations() {
  static const CheckedTable table = make_table();
  return table;
}

}  // namespace kiban::services::s3
