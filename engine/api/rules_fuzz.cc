// One member's value: two bytes pick a member that a rule or the model constrains, the rest is the
// value, as JSON or else as text.
#include <cstdlib>
#include <vector>

#include "api/validate.h"
#include "core/json.h"

namespace {

using namespace kiban;

struct Constrained {
  const api::Service* service;
  const api::Member* member;
};

const std::vector<Constrained>& constrained() {
  static const auto all = [] {
    std::vector<Constrained> found;
    for (const api::Service* service : api::services())
      for (const api::Member& member : service->members)
        if (member.rule_count > 0 || !service->shape(member).pattern.empty())
          found.push_back({service, &member});
    return found;
  }();
  return all;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  if (size < 2) return 0;
  const std::size_t picked = (data[0] * 256U + data[1]) % constrained().size();
  const Constrained& one = constrained()[picked];
  const std::string text(reinterpret_cast<const char*>(data) + 2, size - 2);
  const auto parsed = parse_json(text);
  const json::value value = parsed ? *parsed : json::value(json::string(text));
  const auto checked = api::validate(*one.service, *one.member, value, "member");
  if (!checked && checked.error().name.empty()) abort();
  return 0;
}
