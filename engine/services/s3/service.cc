#include "services/s3/service.h"

#include <fmt/format.h>

#include <cmath>

#include "services/base/resource_access.h"
#include "services/s3/model_check.h"
#include "services/s3/rows.h"

namespace kiban::services::s3 {

std::string bucket_key(std::string_view bucket) { return fmt::format("s3/bucket/{}", bucket); }

std::string object_key(std::string_view bucket, std::string_view key) {
  return fmt::format("s3/object/{}/{}", bucket, key);
}

std::string version_prefix(std::string_view bucket) {
  return fmt::format("s3/version/{}/", bucket);
}

std::string upload_prefix(std::string_view bucket) { return fmt::format("s3/upload/{}/", bucket); }

std::string part_prefix(std::string_view upload_id) {
  return fmt::format("s3/part/{}/", upload_id);
}

Result<json::object> load_bucket(const Context& context, const json::object& input, Signed region) {
  auto row = get_json(context, bucket_key(text(input, "Bucket")));
  if (!row) return fail("NoSuchBucket", "The specified bucket does not exist");
  const std::string& own = context.caller().account;
  if (text(input, "ExpectedBucketOwner", own) != own) return fail("AccessDenied", "Access Denied");
  const std::string home = text(*row, "Region");
  const bool over_the_wire = !context.caller().access_key_id.empty();
  if (region == Signed::ForItsRegion && over_the_wire && context.caller().region != home)
    return fail("AuthorizationHeaderMalformed",
                fmt::format("The authorization header is malformed; the region '{}' is wrong; "
                            "expecting '{}'",
                            context.caller().region, home));
  return *std::move(row);
}

std::uint64_t next_sequence(Context& context) {
  constexpr std::string_view key = "s3/sequence";
  const std::uint64_t next = std::stoull(context.get(key).value_or("0")) + 1;
  context.put(key, std::to_string(next));
  return next;
}

double now_seconds(const Context& context) { return std::floor(epoch_seconds(context.now())); }

namespace {

class S3 : public CheckedService {
 public:
  explicit S3(const CheckedTable& operations)
      : CheckedService("s3", "NotImplemented", operations) {}

  Result<json::object> call(Context& context, std::string_view operation,
                            const json::object& input) override {
    KIBAN_TRY_VOID(check_model(operation, input));
    return CheckedService::call(context, operation, input);
  }
  // Objects have the policy of their bucket.
  ResourceAccess describe_resource(const Context& context, std::string_view arn) override {
    const std::string_view named = resource_part(arn);
    const auto row = get_json(context, bucket_key(named.substr(0, named.find('/'))));
    ResourceAccess found{.arn = std::string(arn)};
    if (row) found.policy = text(*row, "Policy");
    return found;
  }
};

}  // namespace

std::unique_ptr<Service> make_s3() {
  static const CheckedTable operations = [] {
    CheckedTable all = bucket_operations();
    for (const CheckedTable* more :
         {&object_operations(), &copy_operations(), &multipart_operations(), &tag_operations(),
          &list_operations(), &acl_operations(), &configuration_operations(),
          &lifecycle_operations(), &notification_operations()})
      all.insert(more->begin(), more->end());
    return all;
  }();
  return std::make_unique<S3>(operations);
}

}  // namespace kiban::services::s3
