#include "services/s3/service.h"

#include <fmt/format.h>

#include "services/s3/rows.h"

namespace kiban::services::s3 {

std::string bucket_key(std::string_view bucket) { return fmt::format("s3/bucket/{}", bucket); }

std::string object_key(std::string_view bucket, std::string_view key) {
  return fmt::format("s3/object/{}/{}", bucket, key);
}

Result<json::object> load_bucket(const Context& context, const json::object& input) {
  auto row = get_json(context, bucket_key(text(input, "Bucket")));
  if (row) return *std::move(row);
  return fail("NoSuchBucket", "The specified bucket does not exist");
}

std::unique_ptr<Service> make_s3() {
  static const OperationTable operations = [] {
    OperationTable all = bucket_operations();
    all.insert(object_operations().begin(), object_operations().end());
    all.insert(list_operations().begin(), list_operations().end());
    return all;
  }();
  return std::make_unique<TableService>("s3", operations);
}

}  // namespace kiban::services::s3
