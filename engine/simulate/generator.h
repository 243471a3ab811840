// Makes requests of every operation that is served, from the API models, from values that earlier
// replies gave, and from samples of texts that the models do not describe: state machines,
// templates, policies.
#pragma once

#include <string>

#include "api/model.h"
#include "core/json.h"
#include "core/random.h"
#include "core/time.h"
#include "simulate/pools.h"

namespace kiban::simulate {

class Generator {
 public:
  // Streaming members are {"kiban:Bytes": text}.
  json::object make(Random& random, const api::Service& service, const api::Operation& operation,
                    Timestamp now);
  // Takes values for later requests from a request and its reply.
  void learn(const api::Service& service, const api::Operation& operation,
             const json::object& input, const json::object& reply);
  // The token of a task or of a subscription in a message.
  void learn_token(const std::string& body);

 private:
  struct Place {
    const api::Service& service;
    const api::Operation& operation;
    std::string noun{};
    Timestamp now{};
    double optional{0};  // Chance of a member that is not required.
    bool hostile{false};
  };
  json::object structure(Random& random, const Place& place, const api::Shape& shape, int depth);
  json::value value(Random& random, const Place& place, const api::Member& member,
                    std::string_view name, int depth);
  json::value scalar(Random& random, const Place& place, const api::Shape& shape,
                     std::string_view name);
  std::string text(Random& random, const Place& place, const api::Shape& shape,
                   std::string_view name);
  json::object from_recipe(Random& random, const Place& place, const json::object& recipe);
  std::string with_connection(Random& random, std::string definition) const;
  void fill(Random& random, const Place& place, json::value& value);

  Pools pools_{};
};

}  // namespace kiban::simulate
