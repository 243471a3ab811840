#include "services/kms/service.h"

#include "services/base/resource_access.h"
#include "services/kms/rows.h"

namespace kiban::services::kms {
namespace {

const CheckedTable& operations() {
  static const CheckedTable table = [] {
    CheckedTable out = key_operations();
    out.merge(alias_operations());
    out.merge(rotation_operations());
    return out;
  }();
  return table;
}

class Kms : public CheckedService {
 public:
  Kms() : CheckedService("kms", "UnsupportedOperationException", operations()) {}
  void on_timer(Context& context, const json::object& payload) override {
    delete_key(context, payload);
  }
  // An alias stands for its key, except where the alias itself is made or deleted: there the table
  // names it without "key/".
  ResourceAccess describe_resource(const Context& context, std::string_view arn) override {
    constexpr std::string_view kind = "key/";
    const std::string_view named = resource_part(arn);
    if (!named.starts_with(kind) && !named.starts_with("alias/")) return {.arn = std::string(arn)};
    if (named.starts_with("alias/")) return {.arn = std::string(arn)};
    auto row = load(context, std::string(named.substr(kind.size())));
    if (!row) return {.arn = std::string(arn)};
    return resource_of_row(text(metadata(*row), "Arn"), *row, "Tags", "Policy");
  }
};

}  // namespace

std::unique_ptr<Service> make_kms() { return std::make_unique<Kms>(); }

}  // namespace kiban::services::kms
