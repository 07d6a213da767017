-- What each store has of each product, who has put some of it aside, and where it ran low. The figures of movements are
-- sums since the beginning, so that a stock level can be explained without reading the log.

create table stock (
    store text not null,
    sku text not null,
    on_hand bigint not null,
    reserved bigint not null,
    available bigint not null generated always as (on_hand - reserved) stored,
    -- sums of units since the beginning; `adjusted` has a sign, the others do not; `issued` includes committed reservations
    received bigint not null,
    issued bigint not null,
    adjusted bigint not null,
    transferred_in bigint not null,
    transferred_out bigint not null,
    reorder_level bigint,
    low boolean not null,
    -- the alert that is open now, by the position of the event that raised it
    alert_position bigint,
    -- the last event of this item, and its sequence
    position bigint not null,
    sequence bigint not null,
    primary key (store, sku),
    constraint never_more_reserved_than_on_hand check (reserved between 0 and on_hand)
);

create index stock_by_sku on stock (sku, store);
create index stock_low on stock (store, sku) where low;

create table reservation (
    store text not null,
    sku text not null,
    id uuid not null,
    quantity bigint not null,
    -- `voided`: taken back before it was made, and so never made; its quantity is 0
    status text not null check (status in ('held', 'released', 'committed', 'expired', 'voided')),
    reserved_at timestamptz not null,
    expires_at timestamptz not null,
    -- when it ended
    settled_at timestamptz,
    -- the event that made it
    position bigint not null,
    primary key (store, sku, id)
);

create index reservation_due on reservation (expires_at) where status = 'held';
create index reservation_by_status on reservation (status, position);
create index reservation_of_item on reservation (store, sku, status, position);

create table alert (
    -- the event that raised it
    raised_position bigint primary key,
    store text not null,
    sku text not null,
    -- as they were when the alert was raised
    available bigint not null,
    level bigint not null,
    raised_at timestamptz not null,
    -- the event that ended it; none while it is open
    cleared_position bigint,
    cleared_at timestamptz
);

create index alert_open on alert (raised_position) where cleared_position is null;
create index alert_by_item on alert (store, sku, raised_position);
