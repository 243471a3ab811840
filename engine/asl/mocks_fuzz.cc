// A mock configuration, asked for every state that it names itself.
#include "asl/mocks.h"
#include "core/json.h"

namespace {

using namespace kiban;

void ask(const json::object& config) {
  const json::object* machines = find_object(config, "StateMachines");
  for (const auto& [machine, fields] : machines ? *machines : json::object{}) {
    const json::object* cases =
        fields.is_object() ? find_object(fields.get_object(), "TestCases") : nullptr;
    for (const auto& [test, states] : cases ? *cases : json::object{}) {
      if (!states.is_object()) continue;
      for (const auto& member : states.get_object()) {
        for (const std::int64_t invocation : {0, 1, 7}) {
          const auto answer = asl::find_mock(config, machine, test, member.key(), invocation);
          if (answer && *answer) (void)asl::mocked_answer({.task = 1}, **answer);
        }
      }
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  const auto config = kiban::parse_json({reinterpret_cast<const char*>(data), size});
  if (config && config->is_object()) ask(config->get_object());
  return 0;
}
