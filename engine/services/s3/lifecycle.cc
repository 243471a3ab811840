// Lifecycle rules: checked, kept and returned. Nothing expires.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/intro-lifecycle-rules.html
#include <fmt/format.h>

#include <cmath>
#include <set>

#include "services/s3/configurations.h"
#include "services/s3/rows.h"

namespace kiban::services::s3 {
namespace {

constexpr std::size_t rules_max = 1'000;
constexpr std::string_view size_default = "all_storage_classes_128K";

std::unexpected<Error> invalid(std::string text) {
  return fail("InvalidArgument", std::move(text));
}

// Days or Date of an action, not both; midnight UTC; whole and positive.
Result<void> check_when(const json::object& action, std::string_view name, bool from_zero) {
  const bool days = action.contains("Days");
  const bool date = action.contains("Date");
  if (days && date) return malformed_xml();
  if (days && number(action, "Days", 0) < (from_zero ? 0 : 1))
    return invalid(from_zero
                       ? fmt::format("'Days' in {} action must be nonnegative", name)
                       : fmt::format("'Days' for {} action must be a positive integer", name));
  if (date && std::fmod(action.at("Date").to_number<double>(), 86'400.0) != 0.0)
    return invalid("'Date' must be at midnight GMT");
  return {};
}

Result<void> check_filter(const json::object& rule) {
  const json::object* filter = find_object(rule, "Filter");
  const bool prefix = rule.contains("Prefix");
  if (prefix == (filter != nullptr)) return malformed_xml();
  if (!filter) return {};
  if (filter->size() > 1) return malformed_xml();
  const json::object* all = find_object(*filter, "And");
  if (all) {
    const json::array* tags = find_array(*all, "Tags");
    const std::size_t predicates = all->size() - (tags ? 1 : 0) + (tags ? tags->size() : 0);
    if (predicates < 2) return malformed_xml();
    const bool both = all->contains("ObjectSizeGreaterThan") && all->contains("ObjectSizeLessThan");
    if (both && number(*all, "ObjectSizeGreaterThan", 0) >= number(*all, "ObjectSizeLessThan", 0))
      return fail("InvalidRequest",
                  "'ObjectSizeLessThan' has to be a value greater than 'ObjectSizeGreaterThan'.");
  }
  return {};
}

Result<void> check_expiration(const json::object& rule) {
  const json::object* expiration = find_object(rule, "Expiration");
  if (!expiration) return {};
  const bool marker = expiration->contains("ExpiredObjectDeleteMarker");
  if (expiration->size() != 1) return malformed_xml();
  const json::object* filter = find_object(rule, "Filter");
  const json::object* all = filter ? find_object(*filter, "And") : nullptr;
  if (marker && filter && (filter->contains("Tag") || (all && all->contains("Tags"))))
    return fail("InvalidRequest", "'ExpiredObjectDeleteMarker' cannot be specified with Tags.");
  return check_when(*expiration, "Expiration", false);
}

Result<void> check_transitions(const json::object& rule) {
  const json::array* transitions = find_array(rule, "Transitions");
  std::set<std::string> classes;
  bool days = false;
  bool dates = false;
  for (const json::value& value : transitions ? *transitions : json::array{}) {
    const json::object& one = value.as_object();
    if (!one.contains("StorageClass") || (!one.contains("Days") && !one.contains("Date")))
      return malformed_xml();
    KIBAN_TRY_VOID(check_when(one, "Transition", true));
    days = days || one.contains("Days");
    dates = dates || one.contains("Date");
    const std::string name = text(one, "StorageClass");
    if (!classes.insert(name).second)
      return fail("InvalidRequest",
                  fmt::format("'StorageClass' must be different for 'Transition' actions in same "
                              "'Rule' with prefix '{}'",
                              text(rule, "Prefix")));
    const bool rare = name == "STANDARD_IA" || name == "ONEZONE_IA";
    if (rare && one.contains("Days") && number(one, "Days", 0) < 30)
      return invalid(
          fmt::format("'Days' in Transition action must be greater than or equal to 30 "
                      "for storageClass '{}'",
                      name));
    const json::object* expiration = find_object(rule, "Expiration");
    if (expiration && expiration->contains("Days") && one.contains("Days") &&
        number(*expiration, "Days", 0) <= number(one, "Days", 0))
      return invalid(
          "'Days' in the Expiration action for filter must be greater than 'Days' in "
          "the Transition action");
  }
  if (days && dates)
    return fail("InvalidRequest", "Found mixed 'Date' and 'Days' based Transition actions");
  return {};
}

Result<void> check_rule(const json::object& rule) {
  KIBAN_TRY_VOID(check_filter(rule));
  constexpr std::string_view actions[] = {
      "Expiration", "Transitions", "NoncurrentVersionExpiration", "NoncurrentVersionTransitions",
      "AbortIncompleteMultipartUpload"};
  if (std::ranges::none_of(actions, [&](std::string_view name) { return rule.contains(name); }))
    return fail("InvalidRequest", "At least one action needs to be specified in a rule.");
  KIBAN_TRY_VOID(check_expiration(rule));
  KIBAN_TRY_VOID(check_transitions(rule));
  if (const json::object* old = find_object(rule, "NoncurrentVersionExpiration")) {
    if (!old->contains("NoncurrentDays")) return malformed_xml();
    if (number(*old, "NoncurrentDays", 0) < 1)
      return invalid(
          "'NoncurrentDays' for NoncurrentVersionExpiration action must be a positive integer");
  }
  if (const json::object* abort = find_object(rule, "AbortIncompleteMultipartUpload")) {
    if (number(*abort, "DaysAfterInitiation", 0) < 1)
      return invalid(
          "'DaysAfterInitiation' for AbortIncompleteMultipartUpload action must be a positive "
          "integer");
    const json::object* filter = find_object(rule, "Filter");
    if (filter && filter->contains("Tag"))
      return fail("InvalidRequest",
                  "AbortIncompleteMultipartUpload cannot be specified with Tags.");
  }
  return {};
}

Result<json::object> put_lifecycle(Context& context, const json::object& input) {
  KIBAN_TRY(json::object bucket, load_bucket(context, input));
  const json::object* given = find_object(input, "LifecycleConfiguration");
  const json::array* rules = given ? find_array(*given, "Rules") : nullptr;
  if (!rules || rules->empty() || rules->size() > rules_max) return malformed_xml();
  json::array checked;
  std::set<std::string> ids;
  for (const json::value& value : *rules) {
    json::object rule = value.as_object();
    KIBAN_TRY_VOID(check_rule(rule));
    if (text(rule, "ID").empty()) rule["ID"] = context.random().uuid();
    if (!ids.insert(text(rule, "ID")).second)
      return invalid("Rule ID must be unique. Found same ID for more than one rule");
    checked.push_back(std::move(rule));
  }
  const std::string size = text(input, "TransitionDefaultMinimumObjectSize", size_default);
  bucket["LifecycleConfiguration"] = {{"Rules", std::move(checked)},
                                      {"TransitionDefaultMinimumObjectSize", size}};
  put_json(context, bucket_key(text(bucket, "Name")), bucket);
  return json::object{{"TransitionDefaultMinimumObjectSize", size}};
}

Result<json::object> get_lifecycle(Context& context, const json::object& input) {
  KIBAN_TRY(const json::object bucket, load_bucket(context, input));
  const json::object* rules = find_object(bucket, "LifecycleConfiguration");
  if (!rules)
    return fail("NoSuchLifecycleConfiguration", "The lifecycle configuration does not exist");
  json::object out = *rules;
  if (!out.contains("TransitionDefaultMinimumObjectSize"))
    out["TransitionDefaultMinimumObjectSize"] = size_default;
  return out;
}

Result<json::object> delete_lifecycle(Context& context, const json::object& input) {
  return forget(context, input, "LifecycleConfiguration");
}

}  // namespace

const CheckedTable& lifecycle_operations() {
  static const CheckedTable table = {
      {"DeleteBucketLifecycle", {delete_lifecycle, "Bucket ExpectedBucketOwner"}},
      {"GetBucketLifecycleConfiguration", {get_lifecycle, "Bucket ExpectedBucketOwner"}},
      {"PutBucketLifecycleConfiguration",
       {put_lifecycle,
        "Bucket ChecksumAlgorithm LifecycleConfiguration ExpectedBucketOwner "
        "TransitionDefaultMinimumObjectSize"}},
  };
  return table;
}

}  // namespace kiban::services::s3
