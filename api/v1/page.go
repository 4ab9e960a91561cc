package v1

// Page is one page of a list.
type Page[T any] struct {
	Items []T    `json:"items" nullable:"false" doc:"The items of this page, in the list's order"`
	Next  string `json:"next,omitempty" doc:"Pass it as 'after' to get the next page; absent on the last one"`
}
