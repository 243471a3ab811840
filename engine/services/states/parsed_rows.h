// Rows that change seldom and are read often, such as a state machine with its definition: parsed
// again only when the text of the row is another one, so that no write can make the copy stale.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "services/base/service.h"

namespace kiban::services::states {

class ParsedRows {
 public:
  // nullptr when there is no such row. Throws DamagedRow when it holds no JSON object.
  std::shared_ptr<const json::object> get(const Context& context, const std::string& key);

 private:
  struct Parsed {
    std::string text{};
    std::shared_ptr<const json::object> object{};
  };
  std::map<std::string, Parsed> rows_{};
  std::size_t bytes_{0};  // Of all texts.
};

}  // namespace kiban::services::states
