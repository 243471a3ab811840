#include "services/elbv2/service.h"

#include "services/elbv2/rows.h"

namespace kiban::services::elbv2 {
namespace {

const CheckedTable& operations() {
  static const CheckedTable table = [] {
    CheckedTable out = tag_operations();
    out.merge(load_balancer_operations());
    out.merge(target_group_operations());
    out.merge(listener_operations());
    return out;
  }();
  return table;
}

}  // namespace

std::unique_ptr<Service> make_elbv2() {
  return std::make_unique<CheckedService>("elbv2", "ValidationError", operations());
}

}  // namespace kiban::services::elbv2
