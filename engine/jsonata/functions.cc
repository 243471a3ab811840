#include "jsonata/functions.h"

#include <algorithm>
#include <deque>
#include <map>

namespace kiban::jsonata {
namespace {

struct Registry {
  std::deque<Builtin> builtins{};
  std::deque<Function> functions{};
  std::map<std::string_view, const Builtin*> by_name{};

  Registry() {
    for (auto* list : {string_functions, matching_functions, number_functions, array_functions,
                       object_functions, date_functions, step_functions}) {
      for (Builtin& builtin : list()) {
        auto signature = parse_signature(builtin.signature_text);
        if (signature) builtin.signature = std::move(*signature);
        Builtin& kept = builtins.emplace_back(std::move(builtin));
        Function& function = functions.emplace_back();
        function.type = Function::Type::Builtin;
        function.builtin = &kept;
        by_name[kept.name] = &kept;
        kept.value = &function;
      }
    }
  }
};

const Registry& registry() {
  static const Registry all;
  return all;
}

}  // namespace

const Builtin* find_builtin(std::string_view name) {
  const auto& names = registry().by_name;
  const auto found = names.find(name);
  return found != names.end() ? found->second : nullptr;
}

const Function* builtin_function(const Builtin* builtin) { return builtin->value; }

}  // namespace kiban::jsonata
