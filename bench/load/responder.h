// A trivial HTTP server on a thread of its own: every request gets the same reply. It shows what
// the generator can do alone.
#pragma once

#include <cstdint>
#include <memory>

namespace kiban::load {

class Responder {
 public:
  virtual ~Responder() = default;  // Ends the thread.
  virtual std::uint16_t port() const = 0;
};
std::unique_ptr<Responder> make_responder();

}  // namespace kiban::load
