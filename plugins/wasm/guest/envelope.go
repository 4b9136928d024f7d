package guest

import (
	"encoding/base64"
	"errors"
	"strconv"
)

// message is the message that a host wrote.
func message(v any) (Message, error) {
	object, ok := v.(map[string]any)
	if !ok {
		return Message{}, errors.New("the message is no map")
	}
	m := Message{Key: object["key"], Value: object["value"]}
	m.Time, _ = object["time"].(int64)
	m.Source, _ = object["source"].(string)
	partition, _ := object["partition"].(int64)
	m.Partition = int32(partition)
	m.Offset, _ = object["offset"].(int64)
	headers, _ := object["headers"].([]any)
	for _, v := range headers {
		h, _ := v.(map[string]any)
		key, _ := h["key"].(string)
		value, ok := h["value"].(string)
		if !ok {
			m.Headers = append(m.Headers, Header{Key: key})
			continue
		}
		b, err := base64.StdEncoding.DecodeString(value)
		if err != nil {
			return m, err
		}
		m.Headers = append(m.Headers, Header{key, b})
	}
	return m, nil
}

// appendMessage appends a message of an answer.
func appendMessage(dst []byte, m *Message) ([]byte, error) {
	dst, err := Append(append(dst, `{"key":`...), m.Key)
	if err != nil {
		return dst, err
	}
	if dst, err = Append(append(dst, `,"value":`...), m.Value); err != nil {
		return dst, err
	}
	if m.Time != 0 {
		dst = strconv.AppendInt(append(dst, `,"time":`...), m.Time, 10)
	}
	dst = append(dst, `,"headers":[`...)
	for i, h := range m.Headers {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(appendText(append(dst, `{"key":`...), h.Key), `,"value":`...)
		if h.Value == nil {
			dst = append(dst, "null}"...)
			continue
		}
		dst = append(base64.StdEncoding.AppendEncode(append(dst, '"'), h.Value), `"}`...)
	}
	return append(dst, "]}"...), nil
}
