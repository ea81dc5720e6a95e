// What clients of a released protocol would stumble over in a later one.
#ifndef SNAPVIT_TESTS_UNIT_PROTO_COMPATIBILITY_H_
#define SNAPVIT_TESTS_UNIT_PROTO_COMPATIBILITY_H_

#include <google/protobuf/descriptor.h>
#include <google/protobuf/descriptor.pb.h>

#include <string>
#include <vector>

namespace snapvit {

// Each message, field, oneof, enum value, service and method of `released` that `present` does not
// have, or has with another number, name, type or place: one line each, with its full name. What
// was added is not listed.
std::vector<std::string> BrokenPromises(const google::protobuf::FileDescriptorSet& released,
                                        const google::protobuf::DescriptorPool& present);

}  // namespace snapvit

#endif  // SNAPVIT_TESTS_UNIT_PROTO_COMPATIBILITY_H_
